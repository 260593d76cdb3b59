"""The errors of stored analyses. Their gRPC statuses, and so those of HTTP, are those of their base classes."""

from __future__ import annotations

from visop.errors import InvalidInput, NotFound, Unreachable, VisopError

# After which a database or broker that was restarted mostly answers again.
_AGAIN_S = 1.0


class DatabaseUnavailable(Unreachable):
    """The database cannot be reached, or is too busy; trying again may help."""

    def __init__(self, message: str, retry_after_s: float = _AGAIN_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BrokerUnavailable(Unreachable):
    """The broker cannot be reached; what is queued is kept in the database and is done once it is back."""

    def __init__(self, message: str, retry_after_s: float = _AGAIN_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PicturesUnavailable(Unreachable):
    """The place where pictures are kept cannot be used now."""


class PictureMissing(VisopError):
    """The file of a picture is not where it was kept."""


class NoSuchAnalysis(NotFound):
    """There is no analysis of this id, or no longer."""

    @classmethod
    def of(cls, id_: int) -> NoSuchAnalysis:
        """Make the error of this id."""
        return cls(f"there is no analysis {id_}")


class NoSuchJob(NotFound):
    """There is no job of this id, or no longer."""

    @classmethod
    def of(cls, id_: int) -> NoSuchJob:
        """Make the error of this id."""
        return cls(f"there is no job {id_}")


class WrongState(InvalidInput):
    """What was asked for cannot be done in the state that the analysis or job is in."""

"""What an encoder and a processor that run elsewhere have in common: a connection."""

from __future__ import annotations

from visop.serving.remote.operator import INTERVAL_S, Kind, RemoteOperator
from visop.settings import Settings


class Elsewhere:
    """An operator at HOST:PORT. It says what it is once it is loaded.

    Args:
        target: HOST:PORT.
        settings: of the pipeline.
        interval_s: as of ``RemoteOperator``.

    Attributes:
        remote: the operator there.
    """

    type: Kind

    def __init__(self, target: str, settings: Settings | None = None, interval_s: float = INTERVAL_S) -> None:
        self.remote = RemoteOperator(self.type, target, interval_s)
        self._settings = settings or Settings()

    @property
    def name(self) -> str:
        """Its own, so that an index does not depend on where it runs."""
        return self.remote.called

    def load(self) -> None:
        """Connect. Raises as ``RemoteOperator.connect``."""
        self.remote.connect()

    def close(self) -> None:
        """Close the connection."""
        self.remote.close()

    def warm_up(self) -> None:
        """Ask whether it works. Raises as ``RemoteOperator.check``."""
        self.remote.check()

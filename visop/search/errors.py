"""The errors of an index. Every message names the index or its URI, and says what to do."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from visop.errors import UsageError, VisopError

#: What the system says of a disk that is full, and of what may not be written.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class StoreError(VisopError):
    """What keeps the index did not do what was asked."""


class StoreUnreachable(StoreError):
    """No Milvus answers there, or another process keeps the file from being used; trying again may help."""


class NotLoaded(StoreUnreachable):
    """The vectors of an index are not in memory of the Milvus: its index is being built."""


class StoreDamaged(StoreError):
    """A file of an index is damaged, or is no such file."""


class StoreReadOnly(StoreError):
    """The store can be read but not written."""

    @classmethod
    def of(cls, uri: str, text: str) -> StoreReadOnly:
        """Make the error of a store of which the system, or a library, says this."""
        return cls(f"{uri} cannot be written ({text}); mind the owner and mode of all that is in it")


class StoreFull(StoreError):
    """The disk is full. What was confirmed before is safe."""

    @classmethod
    def of(cls, uri: str, text: str) -> StoreFull:
        """Make the error of a store of which the system, or a library, says this."""
        return cls(f"{uri}: no space is left on the disk ({text}); what was confirmed before is safe. Make room")


class NoSuchIndex(StoreError):
    """There is no index of this name."""

    @classmethod
    def among(cls, uri: str, index: str, there: Sequence[str]) -> NoSuchIndex:
        """Make the error of a store that has these indexes instead."""
        names = ", ".join(there) or "none"
        return cls(f"{uri} has no index {index!r}; there are: {names}. `visop index` makes one")


class OriginalsError(StoreError):
    """The place where originals are kept cannot be used: no bucket, no permission, no answer."""


class OriginalsMissing(OriginalsError):
    """There is no such object or bucket where originals are kept."""


class WrongFilter(UsageError):
    """A filter is not a valid expression over the fields of an index."""

    def __init__(self, expression: str, why: str) -> None:
        super().__init__("filter", expression, why)

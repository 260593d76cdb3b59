"""The errors of an index. Every message names the index or its URI, and says what to do."""

from __future__ import annotations

from visop.errors import UsageError, VisopError


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


class StoreFull(StoreError):
    """The disk is full. What was confirmed before is safe."""


class NoSuchIndex(StoreError):
    """There is no index of this name."""


class OriginalsError(StoreError):
    """The place where originals are kept cannot be used: no bucket, no permission, no answer."""


class OriginalsMissing(OriginalsError):
    """There is no such object or bucket where originals are kept."""


class WrongFilter(UsageError):
    """A filter is not a valid expression over the fields of an index."""

    def __init__(self, expression: str, why: str) -> None:
        super().__init__("filter", expression, why)

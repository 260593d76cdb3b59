"""What goes wrong around an index. Every message names the index or its URI, and says what to do."""

from __future__ import annotations

from visop.errors import UsageError, VisopError


class StoreError(VisopError):
    """Milvus did not do what was asked."""


class StoreUnreachable(StoreError):
    """Nobody answers there, or another process holds the file; trying again may help."""


class StoreDamaged(StoreError):
    """A Milvus Lite file cannot be read, or is none."""


class StoreReadOnly(StoreError):
    """It can be read, and not written."""


class StoreFull(StoreError):
    """The disk is full. What was confirmed before is safe."""


class NoSuchIndex(StoreError):
    """There is no index of this name."""


class WrongFilter(UsageError):
    """A filter is no expression over the fields of an index."""

    def __init__(self, expression: str, why: str) -> None:
        super().__init__("filter", expression, why)

"""Index pictures and search them, in a file on this machine or in Milvus.

from visop.search import Index

with Index.open("photos.db", "photos") as index:
    index.add(["~/Pictures"])
    hits = index.search("query.jpg", k=10)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visop.search.index import Index

__all__ = ["DEFAULT_NAME", "DEFAULT_URI", "Index"]

#: The index that is used where none is named.
DEFAULT_URI = "visop.db"
DEFAULT_NAME = "pictures"


def __getattr__(name: str) -> Any:
    """Import what an index needs only when it is used, and not for ``visop --help``."""
    if name == "Index":
        from visop.search.index import Index

        return Index
    raise AttributeError(name)

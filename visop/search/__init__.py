"""Search over Milvus: a folder of pictures in, answers out. The same code for a file on this machine and for a cluster.

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

#: Which index is meant where none is named.
DEFAULT_URI = "visop.db"
DEFAULT_NAME = "pictures"


def __getattr__(name: str) -> Any:
    """Import pymilvus when somebody wants it, and not for ``visop --help``."""
    if name == "Index":
        from visop.search.index import Index

        return Index
    raise AttributeError(name)

"""Take out of an index the files that are gone from its folders, or have another content now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from visop.search.digests import Digests
from visop.search.milvus.collection import Collection
from visop.search.milvus.schema import Picture, Row
from visop.search.reader import path_of

_DELETE = 1000
_RENAME = 256


def prune(collection: Collection, folders: Sequence[str], digests: Digests) -> int:
    """Take names out, and contents that have none left.

    Args:
        collection: the index, up to date with the folders.
        folders: absolute; names elsewhere are left alone.
        digests: what the files of these folders hold.

    Returns:
        How many contents were deleted.
    """
    roots = tuple(folder.rstrip(os.sep) + os.sep for folder in folders)
    gone: list[str] = []
    fewer: dict[str, tuple[str, ...]] = {}
    for page in collection.pictures():
        for picture in page:
            names = tuple(name for name in picture.names if _is_there(name, picture, roots, digests))
            if not names:
                gone.append(picture.id)
            elif names != picture.names:
                fewer[picture.id] = names
    for start in range(0, len(gone), _DELETE):
        collection.delete(gone[start : start + _DELETE])
    _rename(collection, fewer)
    return len(gone)


def _is_there(name: str, picture: Picture, roots: tuple[str, ...], digests: Digests) -> bool:
    path = path_of(name)
    if path is None or not path.startswith(roots):
        return True
    try:
        facts = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it cannot be seen now, which does not mean that it is gone
        return True
    if (
        facts.st_size != picture.bytes
    ):  # also decides where the file could not be read, so that its content is not known
        return False
    now = digests.get(path, facts.st_size, facts.st_mtime_ns)
    return now is None or now == picture.id


def _rename(collection: Collection, names: dict[str, tuple[str, ...]]) -> None:
    ids = list(names)
    for start in range(0, len(ids), _RENAME):
        rows = collection.rows(ids[start : start + _RENAME])
        collection.upsert([_with_names(row, names[row.picture.id]) for row in rows])


def _with_names(row: Row, names: tuple[str, ...]) -> Row:
    return replace(row, picture=replace(row.picture, names=names))

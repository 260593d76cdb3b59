"""Take out of an index the files that are gone from its folders, or have another content now."""

from __future__ import annotations

import os
from collections.abc import Sequence

from visop.search.digests import Digests, FileState
from visop.search.milvus.collection import Collection
from visop.search.milvus.schema import Picture
from visop.search.removal import Loss, take_out
from visop.sources import path_of


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
    losses: list[Loss] = []
    for page in collection.pictures():
        for picture in page:
            gone = frozenset(name for name in picture.names if not _is_there(name, picture, roots, digests))
            if gone:
                losses.append(Loss(picture, gone))
    return take_out(collection, losses)


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
    now = digests.get(path, FileState.of(facts))
    return now is None or now == picture.id

"""Bring the names of an index up to date with files that are known to have changed, without a look at all others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visop.files import file_sha256
from visop.search.presence import leads_somewhere
from visop.search.removal import Loss, take_out
from visop.search.schema import Picture
from visop.search.store import Collection
from visop.sources import path_of, stored_name

# Milvus is asked for as many names at once; if there are more, it is quicker to go through all.
_MOST_ASKED = 50


@dataclass(frozen=True)
class Rechecked:
    """What ``recheck`` did.

    Attributes:
        removed: contents that left the index.
        held_back: folders that are gone, or empty now, and whose pictures stay: it may be a disk that is not there.
    """

    removed: int
    held_back: Sequence[str]


def recheck(collection: Collection, paths: Sequence[str]) -> Rechecked:
    """Take names from contents that their files do not hold any more.

    A content that is still there under another name loses the old one in any case. One that is nowhere any more leaves
    the index only if the folder of its file is there, with something in it.

    Args:
        collection: the index, to which what is at these paths now was added.
        paths: absolute, of files and folders that changed or are gone.
    """
    losses: list[Loss] = []
    held_back: set[str] = set()
    changed = _Changed(paths)
    for picture in _named(collection, paths, changed):
        lost = frozenset(name for name in picture.names if changed.is_lost(name, picture))
        places = {os.path.dirname(path_of(name) or "") for name in lost}
        if any(leads_somewhere(name) for name in picture.names if name not in lost):
            losses.append(Loss(picture, lost))
        elif empty := [place for place in places if not _has_entries(place)]:
            held_back.update(empty)
        elif lost:
            losses.append(Loss(picture, lost))
    return Rechecked(take_out(collection, losses), sorted(held_back))


class _Changed:
    """The paths that changed, and what was below those that are gone."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)
        self._below = tuple(f"{path}{os.sep}" for path in self._paths if not os.path.lexists(path))

    def means(self, name: str) -> bool:
        """Whether a name of the index is one of these paths, or below one that is gone."""
        path = path_of(name)
        return path is not None and (path in self._paths or path.startswith(self._below))

    def is_lost(self, name: str, picture: Picture) -> bool:
        """Whether a name is meant, and does not lead to this content any more."""
        return self.means(name) and not _holds(path_of(name) or "", picture)


def _named(collection: Collection, paths: Sequence[str], changed: _Changed) -> Iterator[Picture]:
    expression = _expression(paths)
    for page in collection.pictures(expression=expression):
        yield from (picture for picture in page if any(map(changed.means, picture.names)))


def _expression(paths: Sequence[str]) -> str:
    """Return a filter that finds the pictures with these names, or below those that are gone, and perhaps a few more.

    An empty one finds all pictures. In a list of names, the language can look for a beginning only at a given place.
    """
    names = [stored_name(path) for path in paths]
    if len(names) > _MOST_ASKED or not all(name.isprintable() and not set(name) & set("\\\"'") for name in names):
        return ""
    gone = [name for name, path in zip(names, paths, strict=True) if not os.path.lexists(path)]
    below = [f'names[{place}] like "{name}/%"' for name in gone for place in (0, 1)]
    more = ["array_length(names) > 2"] if gone else []
    quoted = ", ".join(json.dumps(name, ensure_ascii=False) for name in names)
    return " or ".join([f"array_contains_any(names, [{quoted}])", *below, *more])


def _holds(path: str, picture: Picture) -> bool:
    """Whether a file is there with the content of a picture; if it cannot be examined now, it is taken to be."""
    try:
        return os.stat(path).st_size == picture.bytes and file_sha256(Path(path)) == picture.id
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _has_entries(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False

"""Take out of an index the files that are gone from its folders, or have another content now."""

from __future__ import annotations

import os
from collections.abc import Collection as Names
from collections.abc import Sequence
from dataclasses import dataclass

from visop.search.absent_disks import Away, Folders
from visop.search.digests import Digests, FileState
from visop.search.presence import is_missing, leads_somewhere
from visop.search.removal import Loss, take_out
from visop.search.schema import Picture
from visop.search.store import Collection
from visop.sources import path_of
from visop.sources.excluded import Excluded


@dataclass(frozen=True)
class Pruned:
    """What ``prune`` did.

    Attributes:
        removed: how many contents left the index.
        away: folders whose pictures stay, because they lost most of them.
    """

    removed: int
    away: Sequence[Away]


class FilesNow:
    """What folders hold now.

    Args:
        folders: absolute; names elsewhere are left alone.
        taken: the files that were just indexed.
        excluded: what is left out of the folders.
        digests: what the files hold.
    """

    def __init__(self, folders: Sequence[str], taken: Names[str], excluded: Excluded, digests: Digests) -> None:
        self.folders = [os.path.join(folder, "") for folder in folders]
        self._taken, self._excluded, self._digests = taken, excluded, digests

    def concern(self, name: str) -> bool:
        """Whether a name of the index is below one of the folders."""
        return (path_of(name) or "").startswith(tuple(self.folders))

    def is_replaced(self, name: str, picture: Picture) -> bool:
        """Whether a file that is there holds another content now, or is left out of the folders now."""
        path = path_of(name) or name
        if path not in self._taken and self._is_left_out(path):
            return True
        try:
            facts = os.stat(path)
        except OSError:
            return False
        if facts.st_size != picture.bytes:  # decides also where the file could not be read
            return True
        now = self._digests.get(path, FileState.of(facts))
        return now is not None and now != picture.id

    def _is_left_out(self, path: str) -> bool:
        roots = [folder for folder in self.folders if path.startswith(folder)]
        return all(self._excluded.leaves_out_path(path, root) for root in roots)


@dataclass(frozen=True)
class _Gone:
    """A content that some names do not lead to any more.

    Attributes:
        picture: the content.
        names: those that can go: the content is elsewhere, or was replaced.
        lost: those whose file is missing, of a content that is nowhere else.
    """

    picture: Picture
    names: frozenset[str]
    lost: frozenset[str]


def prune(collection: Collection, files: FilesNow, *, even_if_away: bool = False) -> Pruned:
    """Take names out, and contents that have none left.

    Args:
        collection: the index, up to date with the folders.
        files: what the folders hold now.
        even_if_away: also take out what is missing from folders that seem to be away; see ``absent_disks``.
    """
    folders = Folders(os.path.dirname(folder) for folder in files.folders)
    looked_at = (_look_at(picture, files, folders) for page in collection.pictures() for picture in page)
    gone = [each for each in looked_at if each.names or each.lost]
    losses = []
    for each in gone:
        lost = [name for name in each.lost if even_if_away or not folders.is_away(path_of(name) or name)]
        if names := each.names.union(lost):
            losses.append(Loss(each.picture, names))
    return Pruned(take_out(collection, losses), [] if even_if_away else folders.away())


def _look_at(picture: Picture, files: FilesNow, folders: Folders) -> _Gone:
    ours = [name for name in picture.names if files.concern(name)]
    missing = frozenset(name for name in ours if is_missing(name))
    replaced = frozenset(name for name in ours if name not in missing and files.is_replaced(name, picture))
    is_elsewhere = any(leads_somewhere(name) for name in picture.names if name not in missing | replaced)
    for name in ours:
        if name not in missing or not is_elsewhere:
            folders.note(path_of(name) or name, is_lost=name in missing)
    return _Gone(picture, replaced | missing, frozenset()) if is_elsewhere else _Gone(picture, replaced, missing)

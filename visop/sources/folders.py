"""Find the pictures below a folder by what the files are, not by what they are called."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from visop.images.formats.signatures import SNIFF_BYTES, sniff
from visop.sources.excluded import Excluded
from visop.sources.names import printable

#: Files with these are taken for pictures without a look inside, which keeps the walk through a large folder quick.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo", ".avif",
)  # fmt: skip

# So many names of what was passed over are shown.
_SHOWN = 3


@dataclass
class PassedOver:
    """What folders hold and was not taken.

    Attributes:
        others: how many files are no pictures.
        excluded: folders and files that were left out for their names.
        links: links to folders, which were not followed.
    """

    others: int = 0
    excluded: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in one line; empty if nothing was passed over."""
        one_other, one_link = self.others == 1, len(self.links) == 1
        facts = (
            (self.others, "file that is no picture" if one_other else "files that are no pictures", ()),
            (len(self.excluded), "hidden or excluded", [os.path.basename(each) for each in self.excluded]),
            (len(self.links), "link to a folder" if one_link else "links to folders", self.links),
        )
        return "; ".join(f"{count} {what}{_some(names)}" for count, what, names in facts if count)

    def add(self, other: PassedOver) -> None:
        """Count what another folder holds with these."""
        self.others += other.others
        self.excluded += other.excluded
        self.links += other.links


def _some(names: Sequence[str]) -> str:
    """Name the first of them in brackets."""
    distinct = [printable(name) for name in dict.fromkeys(names)]
    more = ", ..." if len(distinct) > _SHOWN else ""
    return f" ({', '.join(distinct[:_SHOWN])}{more})" if distinct else ""


class FolderWalk:
    """One walk through a folder.

    Args:
        root: the folder; taken whatever it is called, and through a link.
        excluded: what is left out below it.
        passed: gets what was not taken.
        follow_links: also look through links to folders; each folder is looked through once, wherever links lead.

    Attributes:
        unreadable: folders that could not be read, after the walk.
    """

    def __init__(self, root: str, excluded: Excluded, passed: PassedOver, *, follow_links: bool = False) -> None:
        self._root, self._excluded, self._passed, self._follow_links = root, excluded, passed, follow_links
        self._root_name = os.path.basename(os.path.abspath(root))
        self._seen: set[tuple[int, int]] = set()
        self._waiting: list[str] = []
        self._linked: list[str] = []
        self.unreadable: list[OSError] = []

    def pictures(self) -> Iterator[str]:
        """Yield the paths of pictures: sorted, those of a folder before those of the folders in it, links last."""
        self._waiting.append(self._root)
        while self._waiting or self._linked:
            folder = self._waiting.pop() if self._waiting else self._linked.pop(0)
            if self._follow_links and not self._is_new(folder):
                continue
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                self.unreadable.append(error)
            else:
                yield from self._taken(folder, entries)

    def _taken(self, folder: str, entries: list[os.DirEntry[str]]) -> Iterator[str]:
        above = tuple(os.path.relpath(folder, self._root).split(os.sep)) if folder != self._root else ()
        below: list[str] = []
        for entry in entries:
            is_folder = _is_folder(entry)
            if self._excluded.leaves_out((*above, entry.name), self._root_name, is_folder=is_folder):
                self._passed.excluded.append(entry.path)
            elif not is_folder:
                if is_picture(entry.path):
                    yield entry.path
                else:
                    self._passed.others += 1
            elif not entry.is_symlink():
                below.append(entry.path)
            else:
                (self._linked if self._follow_links else self._passed.links).append(entry.path)
        self._waiting += reversed(below)

    def _is_new(self, folder: str) -> bool:
        try:
            facts = os.stat(folder)
        except OSError:  # reading it will say why
            return True
        key = facts.st_dev, facts.st_ino
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a folder that cannot be read
        return False


def is_picture(path: str) -> bool:
    """Whether a file is a picture of any kind; also if it cannot be read: reading it will say why."""
    if path.lower().endswith(SUFFIXES):
        return True
    try:
        if not os.path.isfile(path):  # a pipe would be waited for
            return False
        with open(path, "rb", buffering=0) as file:
            return sniff(file.read(SNIFF_BYTES)) is not None
    except OSError:
        return True

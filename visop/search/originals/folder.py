"""The folder or bucket in which the copies of one index are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from visop.errors import UsageError
from visop.files import write_whole
from visop.search.errors import OriginalsMissing
from visop.search.originals.address import address_of, given_of, scheme_of
from visop.search.originals.filesystem import filesystem_of, translated
from visop.search.originals.notes import may_be_at_work, note
from visop.search.originals.reading import read_from
from visop.sources import path_of

# Requests to a server that wait for it at the same time.
_AT_ONCE = 16

_OWNER, _UNFINISHED = "visop-originals.json", "unfinished"


class OriginalsFolder:
    """Writes, notes and deletes copies. May be used from several threads.

    Args:
        address: as ``folder_address`` says it.

    Raises:
        UsageError: a package for it is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address, self._files = address, filesystem_of(address)

    def claim(self, index: str, place: str) -> None:
        """Make it the folder of an index, which finds out at the start whether it can be written.

        Raises:
            UsageError: it has the copies of another index, which would be deleted with pictures of this one.
            OriginalsError: it cannot be written.
        """
        mine = {"index": index, "at": place}
        address = f"{self.address}/{_OWNER}"
        try:
            owner = json.loads(read_from(self._files, address, 1 << 16))
        except OriginalsMissing:
            self._write(address, json.dumps(mine).encode())
            return
        except ValueError:
            owner = None
        if owner != mine:
            why = f"has the originals of another index; if it is this one, and was moved, delete {address}"
            raise UsageError("keep_originals", given_of(self.address), why)

    def check_outside(self, folders: Sequence[str]) -> None:
        """Raise UsageError if it is in one of these folders, whose pictures are indexed: so would be their copies."""
        here = path_of(self.address) if scheme_of(self.address) == "file" else None
        for folder in folders:
            if here and Path(here).is_relative_to(folder):
                raise UsageError("keep_originals", given_of(self.address), f"is in {folder}, which is indexed")

    def keep(self, id_: str, data: bytes) -> str:
        """Write a copy, unless it is there; return its address. ``settle`` is called when an index says so.

        Raises:
            OriginalsError: it cannot be written.
        """
        self.note([id_])
        address = address_of(self.address, id_)
        with translated(address):
            is_there = self._files.exists(address) and self._files.size(address) == len(data)
        if not is_there:
            self._write(address, data)
        return address

    def note(self, ids: Iterable[str]) -> None:
        """Note that copies are about to be written or deleted."""
        self._each(lambda id_: self._write(self._note_of(id_), note()), ids)

    def settle(self, ids: Iterable[str]) -> None:
        """Take notes away: the index says where the copies are, or that there are none."""
        self._each(self._delete, map(self._note_of, ids))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete copies that are in no index, and the notes of them."""
        self._each(self._delete, [address_of(self.address, id_) for id_ in ids])
        self.settle(ids)

    def clear(self) -> None:
        """Delete everything in the folder, of an index that is gone; it need not be there.

        Raises:
            OriginalsError: it cannot be deleted.
        """
        with suppress(OriginalsMissing), translated(self.address):
            self._files.rm(self.address, recursive=True)

    def abandoned(self) -> list[str]:
        """Return the ids of copies that a process began to write or delete which is not there any more."""
        folder = f"{self.address}/{_UNFINISHED}"
        with translated(folder):
            names = [str(each).rpartition("/")[2] for each in self._files.find(folder)]
        return [each for each in names if self._is_abandoned(each)]

    def _is_abandoned(self, id_: str) -> bool:
        try:
            return not may_be_at_work(read_from(self._files, self._note_of(id_), 1 << 16))
        except OriginalsMissing:
            return False

    def _note_of(self, id_: str) -> str:
        return f"{self.address}/{_UNFINISHED}/{id_}"

    def _write(self, address: str, data: bytes) -> None:
        """Write an object, whole or not at all."""
        with translated(address):
            if scheme_of(address) == "file":
                path = Path(path_of(address) or "")
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, data)
            else:
                self._files.pipe_file(address, data)

    def _delete(self, address: str) -> None:
        """Delete an object; if it is not there, that is no error."""
        with suppress(OriginalsMissing), translated(address):
            self._files.rm_file(address)

    def _each(self, do: Callable[[str], object], items: Iterable[str]) -> None:
        """Do something with each; at the same time, where each waits for a server."""
        with ThreadPoolExecutor(_AT_ONCE, "visop-originals") as threads:
            for _ in threads.map(do, items):
                pass

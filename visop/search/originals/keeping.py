"""Keep the originals of pictures on their way into an index, and of those that leave it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from types import TracebackType
from typing import Protocol, Self

from visop.search.originals.address import folder_of, is_ours
from visop.search.originals.folder import OriginalsFolder
from visop.search.reader import Content, Reader
from visop.search.schema import Picture, Row
from visop.search.store import Collection

# Copies that are written at the same time, and those that may be in memory.
_WRITERS = 8
_IN_MEMORY = 16

# Pictures that are looked up in one step.
_TOGETHER = 128


class Keeper(Protocol):
    """Keeps the originals of one run, or does not. A context manager; may be used from several threads."""

    def begin(self, id_: str, data: bytes) -> None:
        """Begin to keep a new picture; waits while too many are under way."""

    def kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Wait for what was begun of these rows; return them with where they are kept. Raises as it went wrong."""

    def settle(self, rows: Sequence[Row]) -> None:
        """Tell that these rows are in the index."""

    def is_missing(self, picture: Picture) -> bool:
        """Whether a picture that is in the index should be kept, and is not."""

    def keep_known(self, collection: Collection, contents: Sequence[Content], reader: Reader) -> None:
        """Keep pictures that are in the index, and of which ``is_missing`` holds."""


class KeepsNothing:
    """Leaves originals where they are."""

    def begin(self, id_: str, data: bytes) -> None:
        """Do nothing."""

    def kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return them as they are."""
        return rows

    def settle(self, rows: Sequence[Row]) -> None:
        """Do nothing."""

    def is_missing(self, picture: Picture) -> bool:
        """Return that it is not."""
        return False

    def keep_known(self, collection: Collection, contents: Sequence[Content], reader: Reader) -> None:
        """Do nothing."""


class KeepsOriginals:
    """Writes copies into a folder while pictures are encoded. See ``Keeper``."""

    def __init__(self, folder: OriginalsFolder) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(_WRITERS, "visop-keep")
        self._places = threading.BoundedSemaphore(_IN_MEMORY)
        self._begun: dict[str, Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def begin(self, id_: str, data: bytes) -> None:
        """Begin to keep a new picture; waits while too many are under way."""
        self._places.acquire()
        future = self._threads.submit(self._folder.keep, id_, data)
        future.add_done_callback(lambda _: self._places.release())
        self._begun[id_] = future

    def kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Wait for what was begun of these rows; return them with where they are kept. Raises as it went wrong."""
        return [_with_copy(row, self._begun.pop(row.picture.id).result()) for row in rows]

    def settle(self, rows: Sequence[Row]) -> None:
        """Tell that these rows are in the index."""
        self._folder.settle([row.picture.id for row in rows])

    def is_missing(self, picture: Picture) -> bool:
        """Whether a picture is kept in no place, or in another one."""
        return not picture.kept

    def keep_known(self, collection: Collection, contents: Sequence[Content], reader: Reader) -> None:
        """Keep pictures that are in the index, and of which ``is_missing`` holds."""
        for content in {each.id: each for each in contents}.values():
            now = content if content.data else reader.read_again(content.name)
            if isinstance(now, Content) and now.id == content.id:
                self.begin(content.id, now.data)
        self._note_known(collection, [each.id for each in contents])

    def _note_known(self, collection: Collection, ids: Sequence[str]) -> None:
        addresses = {id_: self._begun.pop(id_).result() for id_ in dict.fromkeys(ids) if id_ in self._begun}
        with collection.changing:
            rows = collection.rows(list(addresses))
            if rows:
                collection.upsert([_with_copy(row, addresses[row.picture.id]) for row in rows])
            there = {row.picture.id for row in rows}
            self._folder.delete([id_ for id_ in addresses if id_ not in there])
        self.settle(rows)


@contextmanager
def keeping(folder: OriginalsFolder | None, collection: Collection) -> Iterator[Keeper]:
    """Open a keeper for one run; in a folder, what an earlier run left is deleted first."""
    if folder is None:
        yield KeepsNothing()
        return
    _tidy(folder, collection)
    with KeepsOriginals(folder) as keeper:
        yield keeper


def folder_in_use(collection: Collection) -> str:
    """Return the address of the folder in which an index keeps originals, as a picture of it says; else nothing."""
    pages = collection.pictures(1)
    picture = next(chain.from_iterable(pages), None)
    return folder_of(picture.kept) if picture and picture.kept else ""


def _tidy(folder: OriginalsFolder, collection: Collection) -> None:
    """Delete the copies that a run which was killed left in a folder, without a picture in the index."""
    ids = folder.abandoned()
    for start in range(0, len(ids), _TOGETHER):
        some = ids[start : start + _TOGETHER]
        with collection.changing:
            known = collection.known(some)
            folder.delete([id_ for id_ in some if id_ not in known or not known[id_].kept])
        folder.settle(some)


@contextmanager
def leaving(pictures: Iterable[Picture]) -> Iterator[None]:
    """Delete the copies of pictures that leave an index in the block.

    Raises:
        OriginalsError: they cannot be deleted; if that shows before the block, it is not entered.
    """
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        if picture.kept and is_ours(picture.kept, picture.id):
            ids[folder_of(picture.kept)].append(picture.id)
    folders = {OriginalsFolder(address): some for address, some in ids.items()}
    for folder, some in folders.items():
        folder.note(some)
    yield
    for folder, some in folders.items():
        folder.delete(some)


def _with_copy(row: Row, address: str) -> Row:
    return replace(row, picture=replace(row.picture, kept=address))

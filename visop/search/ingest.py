"""Encode every input whose content the index does not have, and write it into the index.

The index itself is the record of what is done; beside it there is only the memory of files that did not change. So a
run may be killed at any moment, and the next one goes on.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from visop.ahead import in_order, one_ahead
from visop.contract import Vector
from visop.encoding.encoded import EncodedPicture
from visop.encoding.pool import Encoders
from visop.errors import InvalidInput, VisopError
from visop.images.thumbnail import size_of
from visop.search.failures import Failures
from visop.search.originals.keeping import Keeper, KeepsNothing
from visop.search.reader import Content, Reader
from visop.search.schema import MAX_NAMES, Picture, Row, joined
from visop.search.store import Collection

# Read at the same time: waits for disks and web servers overlap.
_READERS = 8
_READ_AHEAD = 16

# A unit vector in float32, whatever computed it.
_UNIT_TOLERANCE = 1e-3

_KEEPS_NOTHING = KeepsNothing()


@dataclass
class Progress:
    """How many inputs were dealt with so far, and how.

    Attributes:
        new: contents that were encoded and are in the index.
        known: inputs whose content was in the index already, or came twice.
        named: of those, names that were new for their content.
        failed: inputs that could not be indexed.
    """

    new: int = 0
    known: int = 0
    named: int = 0
    failed: int = 0


class Ingest:
    """One run.

    Args:
        collection: that is filled.
        encoders: make the vectors; the same as those that are there.
        reader: reads the inputs.
        failures: gets the inputs that could not be indexed.
        on_done: called after each input, from any thread.
        check: called before each write; raises if the collection is not that of the index any more.
        keeper: keeps the originals of the pictures.
    """

    def __init__(
        self,
        collection: Collection,
        encoders: Encoders,
        reader: Reader,
        failures: Failures,
        on_done: Callable[[], object] = lambda: None,
        check: Callable[[], object] = lambda: None,
        keeper: Keeper = _KEEPS_NOTHING,
    ) -> None:
        self._collection, self._encoders, self._reader, self._keeper = collection, encoders, reader, keeper
        self._failures, self._on_done, self._check = failures, on_done, check
        self._limits = collection.limits
        self.progress = Progress()
        # Contents are looked up in one thread, ahead of the encoders, and written in another, behind them, so that the
        # encoders never wait for the store. The store is used under this lock: what is looked up is written or begun.
        self._lock = collection.changing
        # Contents under way, by id, with the name that each is read from; and the other names that came for contents.
        self._begun: dict[str, str] = {}
        self._names: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._rows: list[Row] = []
        self._handed_over_at = time.monotonic()

    def run(self, names: Iterable[str]) -> Progress:
        """Index files and URLs.

        Raises:
            VisopError: the run cannot go on. What is written stays written.
        """
        with (
            ThreadPoolExecutor(1, "visop-write") as writer,
            closing(self._new_contents(names)) as contents,
            closing(self._encoders.encode(contents)) as results,
        ):
            written: Future[None] = writer.submit(self._write, [])
            for content, result in results:
                if isinstance(result, VisopError):
                    self._fail(content, result)
                else:
                    self._rows.append(_row(content, result))
                    self._keeper.begin(content.id, content.data)
                self._report(content)
                if self._is_time_to_write():
                    written.result()
                    written = self._hand_over(writer)
            written.result()
            self._hand_over(writer).result()
        return self.progress

    # --- finding what is new: in a thread, one chunk ahead of the encoders ---

    def _new_contents(self, names: Iterable[str]) -> Generator[Content]:
        is_left = threading.Event()
        names = takewhile(lambda _: not is_left.is_set(), names)
        with (
            ThreadPoolExecutor(_READERS, "visop-read") as readers,
            ThreadPoolExecutor(1, "visop-look-up") as looker,
        ):
            chunks = self._chunks(in_order(readers, self._reader.identify, names, _READ_AHEAD))
            try:
                for new in one_ahead(looker, (self._sort_out(chunk) for chunk in chunks)):
                    yield from self._loaded(new)
            finally:
                is_left.set()

    def _chunks(self, inputs: Iterable[tuple[str, Content | VisopError]]) -> Iterator[list[Content]]:
        chunk: list[Content] = []
        size = 0
        for name, content in inputs:
            if isinstance(content, VisopError):
                self._fail_name(name, content)
                self._on_done()
                continue
            chunk.append(content)
            size += len(content.data)
            if len(chunk) == self._limits.look_up or size > self._limits.look_up_bytes:
                yield chunk
                chunk, size = [], 0
        yield chunk

    def _sort_out(self, chunk: Sequence[Content]) -> list[Content]:
        """Return the contents that are new; of the others, note the names that are.

        The look-up and what follows from it are one step for the thread that writes: else it could forget in between
        that a content is under way, which would then be encoded again and lose a name.
        """
        new: list[Content] = []
        copies: list[Content] = []
        unkept: list[Content] = []
        with self._lock:
            known = self._collection.known(list({content.id for content in chunk}))
            for content in chunk:
                picture = known.get(content.id)
                if picture is None and content.id not in self._begun:
                    self._begun[content.id] = content.name
                    new.append(content)
                    continue
                if picture is not None and self._keeper.is_missing(picture):
                    unkept.append(content)
                if not self._has_name(content, picture):
                    self._names[content.id][content.name] = content.modified
                    self.progress.named += 1
                self.progress.known += 1
                copies.append(content)
        self._keeper.keep_known(self._collection, unkept, self._reader)
        for content in copies:
            self._report(content)
        return new

    def _has_name(self, content: Content, picture: Picture | None) -> bool:
        """Whether a content that is in the index or under way has this name already."""
        there = (self._begun[content.id],) if picture is None else picture.names
        return content.name in there or content.name in self._names.get(content.id, ())

    def _loaded(self, new: Sequence[Content]) -> Iterator[Content]:
        """Yield the contents with their bytes, each from the first of its names that still has it.

        A name that has another content by now is sorted out with that one.
        """
        wanted = deque(new)
        while wanted:
            content = wanted.popleft()
            now = content if content.data else self._reader.read_again(content.name)
            if isinstance(now, Content) and now.id == content.id:
                yield replace(content, data=now.data)
                continue
            if isinstance(now, VisopError):
                self._fail_name(content.name, now)
                self._report(content)
            else:
                wanted.extend(self._sort_out([replace(now, is_reported=content.is_reported)]))
            wanted.extend(self._next_name(content.id))

    def _next_name(self, id_: str) -> Sequence[Content]:
        """Take the next input with this content, in place of the one that has it no longer; empty if there is none."""
        with self._lock:
            names = self._names.get(id_)
            if not names:
                del self._begun[id_]
                self._names.pop(id_, None)
                return ()
            name = self._begun[id_] = next(iter(names))
            modified = names.pop(name)
            self.progress.known -= 1
            self.progress.named -= 1
        return (Content(name, id_, modified, b"", is_reported=True),)

    # --- writing results: rows are gathered in the thread of ``run``, and written in another ---

    def _is_time_to_write(self) -> bool:
        return self._limits.is_time_to_write(len(self._rows), self._handed_over_at)

    def _hand_over(self, writer: ThreadPoolExecutor) -> Future[None]:
        rows, self._rows = self._rows, []
        self._handed_over_at = time.monotonic()
        return writer.submit(self._write, rows)

    def _report(self, content: Content) -> None:
        if not content.is_reported:
            self._on_done()

    def _fail(self, content: Content, error: VisopError) -> None:
        """Fail a content that cannot be encoded, under every name that it came with."""
        with self._lock:
            del self._begun[content.id]
            others = self._names.pop(content.id, {})
            self.progress.known -= len(others)
            self.progress.named -= len(others)
        for name in (content.name, *others):
            self._fail_name(name, error)

    def _fail_name(self, name: str, error: VisopError) -> None:
        with self._lock:
            self.progress.failed += 1
        self._failures.add(name, error)

    def _write(self, rows: Sequence[Row]) -> None:
        """Write the rows, and the new names of contents that are in the index."""
        rows = self._keeper.kept(rows)
        with self._lock:
            self._check()
            self._upsert(self._joined(rows))
            for row in rows:
                del self._begun[row.picture.id]
            self.progress.new += len(rows)
            ready = [id_ for id_ in self._names if id_ not in self._begun]
            for start in range(0, len(ready), self._limits.write):
                self._upsert(self._collection.rows(ready[start : start + self._limits.write]))
        self._keeper.settle(rows)

    def _joined(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows joined with what others wrote about them since they were looked up."""
        if not rows:
            return rows
        there = self._collection.known([row.picture.id for row in rows])
        return [replace(row, picture=joined(row.picture, there.get(row.picture.id, row.picture))) for row in rows]

    def _upsert(self, rows: Sequence[Row]) -> None:
        if rows:
            self._collection.upsert([self._named(row) for row in rows])

    def _named(self, row: Row) -> Row:
        """Return the row with the names that came for it since."""
        picture = row.picture
        came = self._names.pop(picture.id, {})
        names = sorted({*picture.names, *came})
        for name in names[MAX_NAMES:]:
            self._failures.add(name, InvalidInput(f"a copy of {names[0]}, which has {MAX_NAMES} names already"))
            self.progress.failed += 1
        modified = min([picture.modified, *came.values()])
        return replace(row, picture=replace(picture, names=tuple(names[:MAX_NAMES]), modified=modified))


def _row(content: Content, encoded: EncodedPicture) -> Row:
    for vector in (encoded.vector, *(part.vector for part in encoded.parts if part.vector is not None)):
        _check_length(vector)
    width, height = size_of(content.data)
    size, now = len(content.data), int(time.time())
    picture = Picture(content.id, (content.name,), width, height, size, content.modified, now)
    return Row(picture, encoded.vector, encoded.parts)


def _check_length(vector: Vector) -> None:
    if not abs(float(np.linalg.norm(vector)) - 1.0) <= _UNIT_TOLERANCE:  # also where the length is NaN
        length = f"{np.linalg.norm(vector):g}"
        raise VisopError(f"the operator's vectors have length {length}, not 1: scores would mean nothing")

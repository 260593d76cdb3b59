"""One run: every input whose content the index does not have through an encoder and into the index.

Nothing is kept beside the index but the memory of files that did not change: what is in the index is done, and what is
not is to be done. So a run may be killed at any moment, and the next one goes on.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from visop.contract import Vector
from visop.encoding.pool import Encoders
from visop.errors import InvalidInput, VisopError
from visop.images.thumbnail import size_of
from visop.search.ahead import in_order, one_ahead
from visop.search.failures import Failures
from visop.search.milvus.collection import Collection
from visop.search.milvus.schema import MAX_NAMES, Picture, Row, joined
from visop.search.reader import Reader, Seen

# Inputs looked up at once, and bytes of their contents that may wait for it.
_CHUNK = 128
_CHUNK_BYTES = 64 << 20

# Read at the same time: waits for disks and web servers overlap.
_READERS = 8
_READ_AHEAD = 16

# Rows per write, and how long the first of them may wait; what is not written is encoded again after a crash. One write
# is under way while the rows of the next are gathered.
_ROWS = 256
_WRITE_INTERVAL_S = 2.0

# A unit vector in float32, whatever computed it.
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Content:
    """A new content on its way through an encoder."""

    seen: Seen
    data: bytes


@dataclass
class Progress:
    """What came of the inputs so far.

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
    """

    def __init__(
        self,
        collection: Collection,
        encoders: Encoders,
        reader: Reader,
        failures: Failures,
        on_done: Callable[[], object] = lambda: None,
    ) -> None:
        self._collection, self._encoders, self._reader = collection, encoders, reader
        self._failures, self._on_done = failures, on_done
        self.progress = Progress()
        # Contents are looked up in one thread, ahead of the encoders, and written in another, behind them, so that the
        # encoders never wait for the store. The store is used under this lock: what is looked up is written or begun.
        self._lock = collection.changing
        # Contents under way, by id, with the name that each is read from; and the other names that came for contents.
        self._begun: dict[str, str] = {}
        self._names: defaultdict[str, dict[str, int]] = defaultdict(dict)
        # Inputs that were done as copies, and are to be done again as the first of their content.
        self._taken_back = threading.Semaphore(0)
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
                    self._fail(content.seen, result)
                else:
                    self._rows.append(_row(content, result))
                self._done()
                if self._is_time_to_write():
                    written.result()
                    written = self._hand_over(writer)
            written.result()
            self._hand_over(writer).result()
        return self.progress

    # --- what is to be done: in a thread that is a chunk ahead of the encoders ---

    def _new_contents(self, names: Iterable[str]) -> Generator[_Content]:
        is_left = threading.Event()
        names = takewhile(lambda _: not is_left.is_set(), names)
        with (
            ThreadPoolExecutor(_READERS, "visop-read") as readers,
            ThreadPoolExecutor(1, "visop-look-up") as looker,
        ):
            chunks = self._chunks(in_order(readers, self._reader.identify, names, _READ_AHEAD))
            try:
                for new in one_ahead(looker, (self._sort_out(chunk) for chunk in chunks)):
                    for seen in new:
                        yield from self._loaded(seen)
            finally:
                is_left.set()

    def _chunks(self, inputs: Iterable[tuple[str, Seen | VisopError]]) -> Iterator[list[Seen]]:
        chunk: list[Seen] = []
        size = 0
        for name, seen in inputs:
            if isinstance(seen, VisopError):
                self._fail_name(name, seen)
                self._done()
                continue
            chunk.append(seen)
            size += len(seen.data or b"")
            if len(chunk) == _CHUNK or size > _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        yield chunk

    def _sort_out(self, chunk: Sequence[Seen]) -> list[Seen]:
        """Those whose content is new; of the others, the names that are.

        The look-up and what follows from it are one step for the thread that writes: else it could forget in between
        that a content is under way, which would then be encoded again and lose a name.
        """
        new: list[Seen] = []
        with self._lock:
            known = self._collection.known(list({seen.id for seen in chunk}))
            for seen in chunk:
                picture = known.get(seen.id)
                if picture is None and seen.id not in self._begun:
                    self._begun[seen.id] = seen.name
                    new.append(seen)
                    continue
                if not self._has_name(seen, picture):
                    self._names[seen.id][seen.name] = seen.modified
                    self.progress.named += 1
                self.progress.known += 1
        for _ in range(len(chunk) - len(new)):
            self._done()
        return new

    def _has_name(self, seen: Seen, picture: Picture | None) -> bool:
        """Whether a content that is in the index, or under way, has this name already."""
        there = (self._begun[seen.id],) if picture is None else picture.names
        return seen.name in there or seen.name in self._names.get(seen.id, ())

    def _loaded(self, seen: Seen) -> Iterator[_Content]:
        """The content with its bytes, from the first of its names that still has it.

        A name that has another content by now is sorted out with that one.
        """
        if seen.data is not None:
            yield _Content(seen, seen.data)
            return
        remembered: Seen | None = seen
        while remembered is not None:
            now = self._reader.read_again(remembered.name)
            if isinstance(now, Seen) and now.id == seen.id and now.data is not None:
                yield _Content(replace(now, modified=remembered.modified), now.data)
                return
            if isinstance(now, VisopError):
                self._fail_name(remembered.name, now)
                self._done()
            else:
                for other in self._sort_out([now]):
                    yield from self._loaded(other)
            remembered = self._next_name(seen.id)

    def _next_name(self, id_: str) -> Seen | None:
        """Another input that is remembered to have this content, in place of the one that it was to be read from."""
        with self._lock:
            names = self._names.get(id_)
            if not names:
                del self._begun[id_]
                self._names.pop(id_, None)
                return None
            name = self._begun[id_] = next(iter(names))
            modified = names.pop(name)
            self.progress.known -= 1
            self.progress.named -= 1
            self._taken_back.release()
        return Seen(name, id_, modified, None)

    # --- what came of it: rows are gathered in the thread that runs, and written in another ---

    def _is_time_to_write(self) -> bool:
        return len(self._rows) >= _ROWS or time.monotonic() - self._handed_over_at > _WRITE_INTERVAL_S

    def _hand_over(self, writer: ThreadPoolExecutor) -> Future[None]:
        rows, self._rows = self._rows, []
        self._handed_over_at = time.monotonic()
        return writer.submit(self._write, rows)

    def _done(self) -> None:
        if not self._taken_back.acquire(blocking=False):
            self._on_done()

    def _fail(self, seen: Seen, error: VisopError) -> None:
        """A content that cannot be encoded fails under every name that it came with."""
        with self._lock:
            del self._begun[seen.id]
            others = self._names.pop(seen.id, {})
            self.progress.known -= len(others)
            self.progress.named -= len(others)
        for name in (seen.name, *others):
            self._fail_name(name, error)

    def _fail_name(self, name: str, error: VisopError) -> None:
        with self._lock:
            self.progress.failed += 1
        self._failures.add(name, error)

    def _write(self, rows: Sequence[Row]) -> None:
        """Write the rows, and the names that came for contents that are in the index."""
        with self._lock:
            self._upsert(self._joined(rows))
            for row in rows:
                del self._begun[row.picture.id]
            self.progress.new += len(rows)
            ready = [id_ for id_ in self._names if id_ not in self._begun]
            for start in range(0, len(ready), _ROWS):
                self._upsert(self._collection.rows(ready[start : start + _ROWS]))

    def _joined(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows with what others wrote of them since they were looked up."""
        if not self._collection.is_shared:
            return rows
        there = self._collection.known([row.picture.id for row in rows])
        return [replace(row, picture=joined(row.picture, there.get(row.picture.id, row.picture))) for row in rows]

    def _upsert(self, rows: Sequence[Row]) -> None:
        if rows:
            self._collection.upsert([self._named(row) for row in rows])

    def _named(self, row: Row) -> Row:
        """The row with the names that came for it since."""
        picture = row.picture
        came = self._names.pop(picture.id, {})
        names = sorted({*picture.names, *came})
        for name in names[MAX_NAMES:]:
            self._failures.add(name, InvalidInput(f"a copy of {names[0]}, which has {MAX_NAMES} names already"))
            self.progress.failed += 1
        modified = min([picture.modified, *came.values()])
        return replace(row, picture=replace(picture, names=tuple(names[:MAX_NAMES]), modified=modified))


def _row(content: _Content, vector: Vector) -> Row:
    if abs(float(np.linalg.norm(vector)) - 1.0) > _UNIT_TOLERANCE:
        length = f"{np.linalg.norm(vector):g}"
        raise VisopError(f"the operator's vectors have length {length}, not 1: scores would mean nothing")
    width, height = size_of(content.data)
    seen = content.seen
    size, now = len(content.data), int(time.time())
    return Row(Picture(seen.id, (seen.name,), width, height, size, seen.modified, now), vector)

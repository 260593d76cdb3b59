"""Make new vectors of all pictures of an index in a second collection, and switch to it when it is complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from visop.encoding.pool import Encoders
from visop.errors import InvalidInput, VisopError
from visop.same_encoder import is_same_encoder
from visop.search.failures import Failures
from visop.search.following import follow, in_chunks, is_complete
from visop.search.names import collection_name
from visop.search.originals.reading import read_kept
from visop.search.reader import Reader
from visop.search.schema import Picture, Row
from visop.search.store import Collection, Store


@dataclass(frozen=True)
class Reindexed:
    """The result of a reindex.

    Attributes:
        made: vectors that were made in this run.
        kept: vectors that an earlier run had made.
        failed: pictures that could not be read or encoded, which the new collection lacks.
        is_switched: whether this run switched over to the new collection.
        collection: that the index is served from now.
    """

    made: int
    kept: int
    failed: int
    is_switched: bool
    collection: str


@dataclass(frozen=True)
class _Reread:
    """A picture of the index with its content, which was read again."""

    picture: Picture
    data: bytes


class Reindex:
    """One reindex, fresh or taken up where an earlier one was interrupted.

    Args:
        store: holds the index.
        index: its name.
        encoders: make the new vectors.
        reader: reads the pictures again.
        failures: gets the pictures that cannot be read.
        again: make the vectors anew even if the index has those of this encoder, because pictures were decoded in
            another way when they were made.
    """

    def __init__(
        self,
        store: Store,
        index: str,
        encoders: Encoders,
        reader: Reader,
        failures: Failures,
        *,
        again: bool = False,
    ) -> None:
        self._store, self._index, self._encoders = store, index, encoders
        self._again = again
        self._reader, self._failures = reader, failures
        self._old = store.find(index)
        self._limits = store.limits
        self._kept = 0
        self._failed: set[str] = set()
        self._begun_at = int(time.time())

    @property
    def is_needed(self) -> bool:
        """Whether the index has vectors of another encoder, or those of this one shall be made anew."""
        return self._again or not is_same_encoder(self._old.operator, self._encoders.operator)

    @property
    def pictures(self) -> int:
        """The number of pictures."""
        return self._old.count()

    def run(
        self,
        *,
        keep: bool,
        accept_losses: bool = False,
        index_type: str = "auto",
        on_done: Callable[[], object] = lambda: None,
    ) -> Reindexed:
        """Make the new vectors, and switch to them if there is one for every picture.

        A picture that cannot be read now may be on a disk that is not mounted, or at an address that does not answer
        today: unless losses are accepted, the index stays as it is, and the next call goes on from there. Without a
        single vector it stays in any case.

        Args:
            keep: leave the old collection where it is, so that a reindex with its encoder can return to it.
            accept_losses: switch although pictures failed, which are not in the index any more then.
            index_type: of the new one, as ``Index.add`` takes it.
            on_done: called after each picture, from any thread.

        Raises:
            VisopError: it cannot go on; the index is as it was, and the next call goes on from there.
        """
        if not self.is_needed:
            return self._result(0, self._old, is_switched=False)
        number = self._number_of_new()
        new = self._open_new(number)
        made = self._fill(new, on_done)
        new.settle()
        if not self._may_switch(made, accept_losses=accept_losses):
            return self._result(made, self._old, is_switched=False)
        new.tune(index_type)
        with self._store.changing:
            made += self._catch_up(new)
            if not self._may_switch(made, accept_losses=accept_losses):
                return self._result(made, self._old, is_switched=False)
            self._store.point(self._index, number)
        if not keep:
            self._drop_others(number)
        return self._result(made, new, is_switched=True)

    def _may_switch(self, made: int, *, accept_losses: bool) -> bool:
        return not self._failures.count or (accept_losses and made + self._kept > 0)

    def _result(self, made: int, served: Collection, *, is_switched: bool) -> Reindexed:
        return Reindexed(made, self._kept, self._failures.count, is_switched, served.name)

    def _number_of_new(self) -> int:
        """Return the number of the collection that an earlier run began or kept for this encoder; else a free one.

        What was kept from before the one that is served has vectors of before, which are not those to be made again.
        """
        served = _number(self._old.name)
        numbers = [number for number in self._store.numbers(self._index) if number != served]
        for number in reversed([number for number in numbers if number > served] if self._again else numbers):
            made_by = self._store.open(collection_name(self._index, number)).operator
            if is_same_encoder(made_by, self._encoders.operator):
                return number
        return max([served, *numbers]) + 1

    def _open_new(self, number: int) -> Collection:
        if number not in self._store.numbers(self._index):
            attributes = self._old.attributes
            return self._store.create(self._index, number, self._encoders.operator, attributes=attributes)
        new = self._store.open(collection_name(self._index, number))
        follow(self._old, new)
        return new

    def _catch_up(self, new: Collection) -> int:
        """Do in the new collection what others did in the index since it was read; return how many vectors were made.

        The caller holds the lock under which they do.
        """
        if is_complete(self._old, new, self._begun_at, self._failed):
            return 0
        kept = self._kept
        follow(self._old, new)
        made = self._fill(new, lambda: None)
        self._kept = kept
        return made

    def _drop_others(self, number: int) -> None:
        for other in self._store.numbers(self._index):
            if other != number:
                self._store.drop(self._index, other)

    def _fill(self, new: Collection, on_done: Callable[[], object]) -> int:
        rows: list[Row] = []
        made, written_at = 0, time.monotonic()
        for item, result in self._encoders.encode(self._to_do(new, on_done)):
            if isinstance(result, VisopError):
                self._fail(item.picture, result)
            else:
                rows.append(Row(item.picture, result.vector, result.parts))
                made += 1
            if rows and self._limits.is_time_to_write(len(rows), written_at):
                new.upsert(rows)
                rows, written_at = [], time.monotonic()
            on_done()
        if rows:
            new.upsert(rows)
        return made

    def _to_do(self, new: Collection, on_done: Callable[[], object]) -> Iterator[_Reread]:
        for page in self._old.pictures():
            for chunk in in_chunks(page, self._limits.look_up):
                done = new.known([picture.id for picture in chunk])
                self._kept += len(done)
                for picture in chunk:
                    if picture.id in done or picture.id in self._failed:
                        on_done()
                    elif (data := self._read(picture)) is not None:
                        yield _Reread(picture, data)
                    else:
                        on_done()

    def _read(self, picture: Picture) -> bytes | None:
        """Return the content, from whichever of its names still has it, or from the copy that the index keeps."""
        reasons: list[str] = []
        for name in picture.names:
            content = self._reader.read_again(name)
            if isinstance(content, VisopError):
                reasons.append(str(content))
            elif content.id == picture.id:
                return content.data
            else:
                reasons.append("holds another picture by now")
        if picture.kept:
            try:
                return read_kept(picture, self._encoders.max_image_bytes)
            except VisopError as error:
                reasons.append(str(error))
        self._fail(picture, InvalidInput("; ".join(dict.fromkeys(reasons))))
        return None

    def _fail(self, picture: Picture, error: VisopError) -> None:
        self._failed.add(picture.id)
        self._failures.add(picture.names[0], error)


def _number(collection: str) -> int:
    return int(collection.rpartition("__")[2])

"""Make the record of a request: analysed at once by operators of this process, or queued for workers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from visop.analyses.at_once import Analysed, analyse_at_once
from visop.analyses.columns import now
from visop.analyses.context import Context
from visop.analyses.errors import WrongState
from visop.analyses.models import Analysis
from visop.analyses.records import Ended, NewAnalysis, Records
from visop.analyses.states import State
from visop.analyses.stored import Outcome
from visop.errors import InvalidInput, UsageError
from visop.http.problems import Conflict
from visop.images.formats.limits import check_size
from visop.sources import is_url

# How often somebody who waits for a worker looks whether it is done, in seconds.
_LOOK_S = 0.05


@dataclass(frozen=True)
class Wish:
    """What a request asks for.

    Attributes:
        given: the content of a file, or a URL; None for the picture that the record has.
        source: the URL, or the name of the file.
        operators: names; none for all, or for those that the record has.
        owner: who asks.
        webhook: the URL that is told when the analysis has ended.
        key: the caller's name for the request.
        waits: whether the caller waits for the end.
        timeout_s: how long, in seconds.
    """

    given: bytes | str | None
    source: str = ""
    operators: Sequence[str] = ()
    owner: str = ""
    webhook: str | None = None
    key: str | None = None
    waits: bool = True
    timeout_s: float = 60.0


class Submitting:
    """Makes and replaces records. May be used from several threads.

    Args:
        context: with the operators of this process.
        records: of the database.
        ring: tells workers that something is queued.
        has_workers: whether other processes may have operators that this one has not.
    """

    def __init__(
        self, context: Context, records: Records, ring: Callable[[], None], *, has_workers: bool = False
    ) -> None:
        self._context, self._records, self._ring, self._has_workers = context, records, ring, has_workers

    def create(self, wish: Wish) -> Analysis:
        """Make a record, or return that which a request with the same key made.

        Raises:
            UsageError: there is no picture, or no such operator.
            Conflict: the key was used for something else.
            DatabaseUnavailable, PicturesUnavailable: it cannot be kept.
        """
        if wish.given is None:
            raise UsageError("image", "", "send a picture: the file as `image` of a form, or `url` or `data` in JSON")
        names = self._names(wish.operators)
        if wish.key and (there := self._records.by_key(wish.owner, wish.key)):
            return self._same(there, wish, names)
        new, ended = self._made(wish, names, wish.given)
        made = self._records.create(new, ended)
        if wish.key:
            self._same(made, wish, names)  # another request may have been faster
        return self._waited(made, wish)

    def replace(self, id_: int, wish: Wish, seen: str | None) -> Analysis:
        """Analyse the picture of a record again, or another one in its place; ``seen``: whose, as ``is_of``.

        Raises:
            NoSuchAnalysis: there is none.
            WrongState: it has no picture, and none was sent.
            VisopError: as ``create``.
        """
        before = self._records.get(id_, seen)
        names = self._names(wish.operators or before.operators)
        given = wish.given if wish.given is not None else self._picture_of(before)
        new, ended = self._made(replace(wish, owner=before.owner), names, given)
        if wish.given is None and isinstance(given, bytes):
            new = NewAnalysis(names, before.owner)  # the picture stays, and its name
        return self._waited(self._records.replace(id_, new, ended), wish)

    def queue_again(self, id_: int, owner: str | None) -> Analysis:
        """Have an analysis that has ended made once more. Raises as ``Records.queue_again``."""
        found = self._records.queue_again(id_, owner)
        self._ring()
        return found

    def _made(self, wish: Wish, names: Sequence[str], given: bytes | str) -> tuple[NewAnalysis, Ended | None]:
        """What is stored of it: with an end if it is analysed here, or if it is no picture."""
        if wish.waits and all(name in self._context.operators for name in names):
            analysed = analyse_at_once(self._context, given, names, wish.timeout_s)
        else:
            analysed = self._checked(given)
        source = given if isinstance(given, str) else wish.source
        new = NewAnalysis(names, wish.owner, source, analysed.kept, wish.webhook, wish.key)
        return new, None if analysed.ended.outcome.state == State.QUEUED else analysed.ended

    def _checked(self, given: bytes | str) -> Analysed:
        """Keep a picture that workers shall analyse. Of a URL there is nothing to keep yet."""
        queued = Ended(Outcome(State.QUEUED), (), now())
        if isinstance(given, str):
            return Analysed(queued, None)
        try:
            check_size(given, self._context.settings.max_image_bytes)
            self._context.pictures.check(given)
        except InvalidInput as error:
            return Analysed(Ended(Outcome.failed(error), (), queued.started), None)
        return Analysed(queued, self._context.pictures.keep(given))

    def _same(self, there: Analysis, wish: Wish, names: Sequence[str]) -> Analysis:
        """The record that a key made, if this request is the same one. Raises Conflict."""
        if list(there.operators) == list(names) and self._is_of(there, wish.given):
            return there
        raise Conflict(f"the key was used for another request, which made analysis {there.id}")

    def _is_of(self, there: Analysis, given: bytes | str | None) -> bool:
        """Whether a record is of this picture. Of what was none, nothing is kept that could be compared."""
        if not isinstance(given, bytes):
            return there.source == given
        if there.digest is not None:
            return there.digest == hashlib.sha256(given).hexdigest()
        try:
            self._context.pictures.check(given)
        except InvalidInput:
            return not is_url(there.source)
        return False

    def _waited(self, made: Analysis, wish: Wish) -> Analysis:
        """The record, once workers are done with it or the time is over, if it is for them."""
        if State(made.state).is_end:
            return made
        self._ring()
        until = time.monotonic() + (wish.timeout_s if wish.waits else 0.0)
        while time.monotonic() < until and not State(made.state).is_end:
            time.sleep(_LOOK_S)
            made = self._records.get(made.id, made.owner)
        return made

    def _names(self, names: Sequence[str]) -> list[str]:
        """The operators that are meant. Raises UsageError if there is none of a name."""
        if not names or not self._has_workers:
            self._context.named(list(names))
        return list(names or self._context.operators)

    def _picture_of(self, analysis: Analysis) -> bytes | str:
        if analysis.digest is not None:
            return self._context.pictures.store.read(analysis.digest)
        if is_url(analysis.source):
            return analysis.source
        raise WrongState(f"analysis {analysis.id} has no picture that could be analysed again; send one")

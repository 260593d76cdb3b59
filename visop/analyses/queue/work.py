"""One turn of a worker: claim some analyses, make them, store what came of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby

from visop.analyses.analyse import Answer, analyse
from visop.analyses.context import Context
from visop.analyses.errors import BrokerUnavailable, DatabaseUnavailable, PictureMissing, PicturesUnavailable
from visop.analyses.job_ends import end_jobs
from visop.analyses.listing_jobs import list_next
from visop.analyses.models import Analysis
from visop.analyses.queue.bell import Bell
from visop.analyses.queue.claims import Claim, claim, give_back, renew
from visop.analyses.queue.endings import Ending, store_endings
from visop.analyses.queue.turns import Turns
from visop.analyses.reading_sources import SourceReader
from visop.analyses.traces import traced_work
from visop.errors import ImageDecodeError, ImageTooLarge, VisopError

logger = logging.getLogger("visop.analyses.queue")

_AGAIN_S = 0.5


@dataclass(frozen=True)
class Work:
    """What a worker needs.

    Attributes:
        context: database, pictures, operators.
        bell: wakes other workers.
        read: reads pictures that are not kept yet.
        chunk: how many analyses are claimed at once.
        lease_s: after which a worker that does not renew its claim is taken for lost.
        longest_s: that a chunk may take: afterwards its claim is not renewed any more.
        stopping: whether no new work is to be begun.
        turns: of this worker.
        close: releases what it was made of, when its process ends.
    """

    context: Context
    bell: Bell
    read: SourceReader
    chunk: int = 32
    lease_s: float = 30.0
    longest_s: float = 600.0
    stopping: Callable[[], bool] = lambda: False
    turns: Turns = field(default_factory=Turns)
    close: Callable[[], object] = lambda: None


def work_once(work: Work) -> int:
    """Make the analyses whose turn it is; how many. 0 means that nothing is due.

    Raises:
        DatabaseUnavailable: what was claimed goes to another worker when its lease is over.
    """
    if work.stopping():
        return 0
    listed = list_next(work.context.database, work.read)
    claimed = _claim(work)
    if claimed is None:
        return listed
    if claimed.more:
        with suppress(BrokerUnavailable):  # who rings next is the one that looks every few seconds
            work.bell.ring()
    with _renewed(work, claimed), traced_work(work.context.database, claimed.analyses):
        _store(work, claimed, _make(work, claimed))
    return len(claimed.analyses)


def _claim(work: Work) -> Claim | None:
    with work.context.database.session() as session:
        names = list(work.context.operators)
        return claim(session, work.turns, limit=work.chunk, lease_s=work.lease_s, operators=names)


def _make(work: Work, claimed: Claim) -> list[Ending]:
    endings, pictures = [], []
    for analysis in claimed.analyses:
        if work.stopping() and not analysis.digest:
            continue  # given back: it takes time to fetch
        try:
            pictures.append((analysis, *_picture(work, analysis)))
        except VisopError as error:
            endings.append(Ending(analysis.id, error=error))
    for operators, group in groupby(pictures, lambda each: each[0].operators):
        endings += _analysed(work, operators, list(group))
    return endings


def _picture(work: Work, analysis: Analysis) -> tuple[bytes, bool]:
    """The picture of an analysis, and whether it is kept already."""
    if analysis.digest:
        with suppress(PictureMissing):
            return work.context.pictures.store.read(analysis.digest), True
    return work.read(analysis.source, analysis.job_id), False


def _analysed(work: Work, names: list[str], pictures: Sequence[tuple[Analysis, bytes, bool]]) -> Iterator[Ending]:
    try:
        operators = work.context.named(names)
    except VisopError as error:
        return (Ending(each.id, error=error) for each, _, _ in pictures)
    timeout_s = work.context.settings.request_timeout_s
    is_job = pictures[0][0].job_id is not None  # what is claimed together is of one job, or of none
    rows = analyse([data for _, data, _ in pictures], operators, timeout_s, bulk=is_job)
    return (
        Ending(each.id, answers) if is_kept or not _is_picture(answers) else _kept(work, each.id, answers, data)
        for (each, data, is_kept), answers in zip(pictures, rows, strict=True)
    )


def _kept(work: Work, id_: int, answers: Sequence[Answer], data: bytes) -> Ending:
    """With its picture. A store that is full puts it off: what is lost with an error would be taken for a crash."""
    try:
        return Ending(id_, answers, kept=work.context.pictures.keep(data))
    except PicturesUnavailable as error:
        return Ending(id_, error=error)


def _is_picture(answers: Sequence[object]) -> bool:
    return not all(isinstance(getattr(each, "result", None), ImageDecodeError | ImageTooLarge) for each in answers)


def _store(work: Work, claimed: Claim, endings: Sequence[Ending]) -> None:
    """Store, also after a database that is restarted meanwhile, as long as the claim can hold."""
    deadline = time.monotonic() + work.lease_s
    while True:
        try:
            jobs = _store_once(work, claimed, endings)
            return end_jobs(work.context.database, jobs)
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_S)


def _store_once(work: Work, claimed: Claim, endings: Sequence[Ending]) -> set[int]:
    left = {each.id for each in claimed.analyses} - {each.id for each in endings}
    with work.context.database.session() as session:
        if left:
            give_back(session, claimed.name, left)
        return store_endings(session, work.context.pictures, claimed.name, endings)


@contextmanager
def _renewed(work: Work, claimed: Claim) -> Iterator[None]:
    """Renew a claim from another thread."""
    over = threading.Event()
    ends = time.monotonic() + work.longest_s

    def keep_renewing() -> None:
        while not over.wait(work.lease_s / 3) and time.monotonic() < ends:
            with suppress(DatabaseUnavailable), work.context.database.session() as session:
                renew(session, claimed.name, work.lease_s)

    thread = threading.Thread(target=keep_renewing, name="visop-renew", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(work.lease_s / 3)

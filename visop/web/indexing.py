"""Indexing while serving: a thread that adds to the index, follows what changes, and reports its progress."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from visop.errors import DeadlinePassed, Overloaded, ShuttingDown, UsageError, VisopError
from visop.search.errors import StoreError
from visop.search.index import Added, Index
from visop.search.recheck import recheck
from visop.web.batch import Batch
from visop.web.failure_list import FailureList, ListedFailures

logger = logging.getLogger("visop.web")

_STOP_S = 10.0

# As many pauses are made for a store that cannot be reached or written.
_STORE_PAUSES = 5

_NOTHING = Added(new=0, known=0, named=0, failed=0, removed=0)


@dataclass(frozen=True)
class Progress:
    """How far indexing is.

    Attributes:
        state: ``idle`` if there is nothing to do.
        done: inputs that have been indexed or have failed.
        total: inputs known so far.
        failed: inputs that could not be indexed.
        seconds_left: at the rate so far; None if unknown.
        message: why indexing failed.
    """

    state: Literal["idle", "running", "done", "failed"] = "idle"
    done: int = 0
    total: int = 0
    failed: int = 0
    seconds_left: int | None = None
    message: str = ""


@dataclass(frozen=True)
class _Held:
    """What is gone, and stays in the index because it may come back.

    Attributes:
        paths: of files and folders that are gone.
        folders: those of them of which the log says so.
    """

    paths: Set[str] = frozenset()
    folders: Set[str] = frozenset()


class Indexing:
    """A context manager that indexes from entering to leaving. A start after a stop continues where it was stopped.

    Args:
        index: to add to.
        batches: what to do; iterating may take time, and need not end before ``stopping`` is set.
        expected: how many inputs all batches have together, if that is known.
        errors: where to write a CSV of the inputs that could not be indexed.
        stopping: set when this is left; given if the batches wait for it, and go on until then.
        pause_s: how long to wait before trying again while the operator is overloaded.

    Attributes:
        failures: the inputs that could not be indexed.
        is_watching: whether more may come to be done at any time.
    """

    def __init__(
        self,
        index: Index,
        batches: Iterable[Batch],
        expected: int,
        errors: Path,
        stopping: threading.Event | None = None,
        *,
        pause_s: float = 2.0,
    ) -> None:
        self._index, self._batches, self._errors, self._pause_s = index, batches, errors, pause_s
        self.is_watching = stopping is not None
        self._stopping = stopping or threading.Event()
        self.failures = FailureList()
        self._lock = threading.Lock()
        self._progress = Progress("running", total=expected)
        self._begun_at = time.monotonic()
        self._held = _Held()
        self._thread = threading.Thread(target=self._run, name="visop-index", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(_STOP_S)

    def progress(self) -> Progress:
        """How far indexing is now."""
        with self._lock:
            now = replace(self._progress, failed=self.failures.count)
        if now.state != "running" or not now.done:
            return now
        per_input_s = (time.monotonic() - self._begun_at) / now.done
        return replace(now, seconds_left=round(per_input_s * max(0, now.total - now.done)))

    def _run(self) -> None:
        try:
            for batch in self._batches:
                self._do(batch)
            if self._progress.state == "running":
                self._update(state="idle" if self._stopping.is_set() else "done")
        except ShuttingDown:
            self._update(state="idle")
        except Exception:
            logger.exception("indexing stopped")
            self._update(state="failed", message="internal error; the log says more")

    def _do(self, batch: Batch) -> None:
        """Do one batch. One that fails does not stop those that come after it, such as what changes later.

        While changes are followed, one that the store cannot take is tried until it can: it is not reported again.
        """
        while error := self._attempted(batch):
            if not (self.is_watching and isinstance(error, StoreError)):
                return
            self._wait(_STORE_PAUSES * self._pause_s)

    def _attempted(self, batch: Batch) -> VisopError | None:
        """Try a batch; why it failed."""
        self._begin()
        if batch.prune:
            self.failures.clear()
        self.failures.forget(batch.changed)
        try:
            added = self._add(batch) if batch.inputs else _NOTHING
            removed = added.removed + (self._recheck(batch.changed, added) if batch.changed else 0)
        except ShuttingDown:
            raise
        except VisopError as error:
            logger.error("indexing stopped: %s", getattr(error, "detail", error))
            self._update(state="failed", message=str(error))
            return error
        if batch.is_last:
            self._update(state="done")
        self._log(batch, added, removed)
        return None

    def _begin(self) -> None:
        """Count anew after everything was done; go on counting else."""
        if self._progress.state != "running":
            self._begun_at = time.monotonic()
            self._update(state="running", done=0, total=0, message="")

    def _add(self, batch: Batch) -> Added:
        """Add one batch; try again for as long as the operator is overloaded, and without files that went meanwhile."""
        before = self._progress
        while True:
            inputs = [each for each in batch.inputs if os.path.isfile(each)] if batch.changed else batch.inputs
            errors = None if batch.changed else self._errors
            failures = ListedFailures(errors, self.failures)
            try:
                return self._index.add(
                    inputs,
                    options=batch.options,
                    prune_folders=batch.prune,
                    failures=failures,
                    on_start=self._start,
                    on_done=self._on_done,
                )
            except (Overloaded, DeadlinePassed) as error:
                logger.info("indexing waits: %s", error)
                self._update(done=before.done)
                self._wait(self._pause_s)
            except UsageError:
                if not batch.changed or all(map(os.path.lexists, inputs)):  # else one is gone since a moment ago
                    raise
                self._update(done=before.done)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise ShuttingDown("the server is shutting down")

    def _recheck(self, changed: Sequence[str], added: Added) -> int:
        """Take out what is gone, also what went before and is found elsewhere now, as when a folder is renamed."""
        paths = [*changed, *self._held.paths] if added.named else changed
        done = recheck(self._index.collection, paths)
        for folder in set(done.held_back) - set(self._held.folders):
            _tell_away(folder, "is gone or empty")
        if done.held_back:
            gone = {path for path in [*changed, *self._held.paths] if not os.path.lexists(path)}
            self._held = _Held(gone, {*done.held_back, *self._held.folders})
        elif added.named:
            self._held = _Held()
        return done.removed

    def _log(self, batch: Batch, added: Added, removed: int) -> None:
        if batch.changed and not (added.new or added.named or removed or added.failed):
            return  # a file was touched, say
        for away in added.away:
            _tell_away(away.folder, f"lost {away.missing} pictures, most of what it had")
        is_listed = added.failed and not batch.changed and self._errors.is_file()
        where = f"; {self._errors} says why" if is_listed else ""
        facts = f"{added.new} new, {added.named} under new names, {removed} removed, {added.failed} failed"
        facts += f"; passed over: {added.passed}" if str(added.passed) else ""
        logger.info("indexed: %s; %d pictures in all%s", facts, self._index.count(), where)

    def _start(self, inputs: int) -> None:
        self._update(total=max(self._progress.total, self._progress.done + inputs))

    def _on_done(self) -> None:
        if self._stopping.is_set():
            raise ShuttingDown("the server is shutting down")
        with self._lock:
            self._progress = replace(self._progress, done=self._progress.done + 1)

    def _update(self, **changes: object) -> None:
        with self._lock:
            self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]  # its own fields


def _tell_away(folder: str, what: str) -> None:
    why = "its pictures stay in the index until they are back, or `visop remove` takes them out"
    logger.warning("%s: %s; %s", folder, what, why)

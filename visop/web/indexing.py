"""Indexing while serving: a thread that encodes with the running pipeline, and reports its progress."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from visop.contract import Vector
from visop.encoding.local import LocalEncoder
from visop.errors import DeadlinePassed, Overloaded, ShuttingDown, VisopError
from visop.search.failures import Failures
from visop.search.index import Index

logger = logging.getLogger("visop.web")

# Pictures per call. LocalEncoder has three calls under way, which fill one batch of the model and have the next one
# ready. A picture that somebody searches with waits for no more than those.
_BATCH = 2

_STOP_S = 10.0


class BackgroundEncoder:
    """The running operator, with few pictures under way, so that indexing hardly delays other requests."""

    def __init__(self, encoder: LocalEncoder) -> None:
        self._encoder = encoder

    def health(self) -> str:
        """As ``LocalEncoder``."""
        return self._encoder.health()

    def encode_stream(self, inputs: Iterable[bytes | str | VisopError], *, batch: int) -> Iterator[Vector | VisopError]:
        """As ``LocalEncoder``, with at most two pictures a call."""
        return self._encoder.encode_stream(inputs, batch=min(batch, _BATCH))


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


class Indexing:
    """A context manager that indexes from entering to leaving. A start after a stop continues where it was stopped.

    Args:
        index: to add to.
        batches: the inputs of one call of ``Index.add`` each; iterating may take time.
        expected: how many inputs all batches have together, if that is known.
        errors: where to write a CSV of the inputs that could not be indexed.
        pause_s: how long to wait before trying again while the operator is overloaded.
    """

    def __init__(
        self, index: Index, batches: Iterable[Sequence[str]], expected: int, errors: Path, *, pause_s: float = 2.0
    ) -> None:
        self._index, self._batches, self._errors, self._pause_s = index, batches, errors, pause_s
        self._listed_in: Path | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._progress = Progress("running", total=expected)
        self._begun_at = time.monotonic()
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
            now = self._progress
        if now.state != "running" or not now.done:
            return now
        per_input_s = (time.monotonic() - self._begun_at) / now.done
        return replace(now, seconds_left=round(per_input_s * max(0, now.total - now.done)))

    def _run(self) -> None:
        try:
            for inputs in self._batches:
                self._add(inputs)
            self._update(state="done")
            failed = self._progress.failed
            where = f"; {self._listed_in} says why" if failed and self._listed_in else ""
            logger.info("indexed: %d pictures, %d inputs failed%s", self._index.count(), failed, where)
        except ShuttingDown:
            self._update(state="idle")
        except VisopError as error:
            logger.error("indexing stopped: %s", getattr(error, "detail", error))
            self._update(state="failed", message=str(error))
        except Exception:
            logger.exception("indexing stopped")
            self._update(state="failed", message="internal error; the log says more")

    def _add(self, inputs: Sequence[str]) -> None:
        """Add one batch; try again for as long as the operator is overloaded."""
        before = self._progress
        while True:
            failures = Failures(self._errors, or_count=True)
            try:
                added = self._index.add(inputs, failures=failures, on_start=self._start, on_done=self._on_done)
            except (Overloaded, DeadlinePassed) as error:
                logger.info("indexing waits: %s", error)
                self._update(done=before.done, failed=before.failed)
                if self._stopping.wait(self._pause_s):
                    raise ShuttingDown("the server is shutting down") from None
            else:
                self._update(failed=before.failed + added.failed)
                self._listed_in = failures.path
                return

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

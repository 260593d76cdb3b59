"""Tell the front process twice a second how this worker is, and what its models did."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from visop.metrics.model import follow_models, waiting_now
from visop.serving.pipeline import Pipeline
from visop.serving.workers.channel import Channel
from visop.serving.workers.messages import State

#: Between two of them, in seconds.
STATE_S = 0.5

_STATM = Path("/proc/self/statm")


class TellState:
    """A context manager: tells for as long as it is entered.

    Args:
        channel: to the front process.
        pipeline: of this worker.
    """

    def __init__(self, channel: Channel, pipeline: Pipeline) -> None:
        self._channel, self._pipeline = channel, pipeline
        self._runs: deque[tuple[str, int, float]] = deque()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="visop-state", daemon=True)
        follow_models(lambda *run: self._runs.append(run))

    def __enter__(self) -> TellState:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._left.set()

    def _run(self) -> None:
        with suppress(OSError):  # the front process is gone
            while True:
                self._channel.send(self._state())
                if self._left.wait(STATE_S):
                    return

    def _state(self) -> State:
        runs = [self._runs.popleft() for _ in range(len(self._runs))]
        return State(self._pipeline.trouble(), resident_bytes(), waiting_now(), runs)


def resident_bytes(statm: Path = _STATM) -> int:
    """The memory that this process has, in bytes; 0 where the system does not say: proc_pid_statm(5)."""
    try:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0

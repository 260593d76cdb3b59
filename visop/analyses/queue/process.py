"""One process of a worker: its model is loaded with its first task, and it works as long as there is something to do.

Not when the process begins: Celery takes one that says nothing for some seconds for broken, and kills it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from visop.analyses.queue.work import Work, work_once

# Afterwards another message takes over: a task has a limit on its time.
_TASK_S = 20.0

_PR_SET_PDEATHSIG = 1


class Stopping:
    """Whether this worker is ending: set by one process, seen by all that were forked from it."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def __call__(self) -> bool:
        """Whether it is."""
        return self._shared[0] != 0

    def set(self) -> None:
        """It is."""
        self._shared[0] = 1


class WorkerProcess:
    """What a process of the pool holds. Made before it is forked, empty until its first task.

    Args:
        open_work: makes what is needed; loads models.
        stopping: whether nothing new is to be begun.
    """

    def __init__(self, open_work: Callable[[], Work], stopping: Stopping) -> None:
        self._open_work, self._stopping = open_work, stopping
        self._work: Work | None = None

    def run(self) -> int:
        """Work until nothing is due, or for some seconds; how many analyses were made."""
        if self._work is None:
            self._work = self._open_work()
        ends, count = time.monotonic() + _TASK_S, 0
        while not self._stopping() and time.monotonic() < ends:
            made = work_once(self._work)
            if not made:
                return count
            count += made
        if not self._stopping():
            self._work.bell.ring()
        return count

    def close(self) -> None:
        """Release what it holds, and send what is left of its traces. Idempotent."""
        if self._work is not None:
            self._work.close()
            self._work = None


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent is killed (Linux): nobody would take its results."""
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def choose_device(worker_index: int) -> None:
    """Let this process see one GPU alone, by turns: number ``worker_index % devices``."""
    devices = _devices()
    if len(devices) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[worker_index % len(devices)]


def _devices() -> list[str]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [each.strip() for each in given.split(",") if each.strip()]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]

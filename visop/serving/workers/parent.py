"""End with the process that started this one, however that ended."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

# linux/prctl.h
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends. Elsewhere than on Linux nothing is asked for.

    A thread that reads from the parent notices its end, too, but not while a library holds Python's lock.
    """
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended meanwhile
        os._exit(1)

"""Who is at work on a copy: what a note in ``unfinished/`` says."""

from __future__ import annotations

import json
import os
import platform
import time
import uuid

# Of this process: a number of a process is used again, in a container at once.
_TOKEN = uuid.uuid4().hex

# After so long, a process on another machine is taken to be dead.
_LONGEST_S = 24 * 3600


def note() -> bytes:
    """Return what a note of this process says."""
    return json.dumps({"host": platform.node(), "pid": os.getpid(), "token": _TOKEN, "time": time.time()}).encode()


def may_be_at_work(text: bytes) -> bool:
    """Whether the process that wrote a note may still be at work."""
    try:
        facts = json.loads(text)
        host, pid, token, written = facts["host"], int(facts["pid"]), facts["token"], float(facts["time"])
    except (ValueError, KeyError, TypeError):
        return False
    if token == _TOKEN:
        return True
    if host != platform.node():
        return time.time() - written < _LONGEST_S
    return pid != os.getpid() and _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is of another user
        return True
    return True

"""Holds back paths that changed until they are quiet: a file that is still being written is no picture yet."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

# Size, time of change and inode; None if there is nothing.
_State = tuple[int, int, int] | None


class QuietPaths:
    """Paths that changed, each until nothing was heard of it, and nothing seen of it, for a while.

    Args:
        quiet_s: how long.
    """

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        # When each was last seen to change, on the clock of ``time.monotonic``, and how it was then.
        self._waiting: dict[str, tuple[float, _State]] = {}

    def note(self, paths: Iterable[str]) -> None:
        """Let them wait from now on."""
        now = time.monotonic()
        for path in paths:
            self._waiting[path] = now, _state_of(path)

    def take(self) -> Sequence[str]:
        """Return those that are quiet, sorted; they do not wait any more."""
        now = time.monotonic()
        old = [path for path, (since, _) in self._waiting.items() if now - since >= self._quiet_s]
        self.note(path for path in old if _state_of(path) != self._waiting[path][1])
        ready = sorted(path for path in old if self._waiting[path][0] < now)
        for path in ready:
            del self._waiting[path]
        return ready


def _state_of(path: str) -> _State:
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ino

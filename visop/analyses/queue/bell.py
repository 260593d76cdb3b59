"""Tell workers that there is work."""

from __future__ import annotations

import threading
from typing import Protocol


class Bell(Protocol):
    """Wakes one worker that has nothing to do. May be used from several threads."""

    def ring(self) -> None:
        """Say that there is work. Raises BrokerUnavailable, within a second."""

    def close(self) -> None:
        """Release what it holds. Idempotent."""


class InProcessBell:
    """Wakes the threads of this process."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wake the threads that wait."""
        self._rung.set()

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody rings, or for so long."""
        self._rung.wait(timeout_s)
        self._rung.clear()

    def close(self) -> None:
        """Nothing to release."""

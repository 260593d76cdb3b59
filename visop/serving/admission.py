"""How much may be in the house at once. Every queue behind this door is bounded by it."""

from __future__ import annotations

import threading

from visop.errors import Overloaded


class Admission:
    """Counts the inputs in the house, over all calls, from the door to the result."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._inside = 0
        self._changed = threading.Condition()

    @property
    def inside(self) -> int:
        """Inputs in the house now."""
        return self._inside

    def enter(self, count: int, timeout_s: float = 0.0) -> None:
        """Let ``count`` inputs in, together, waiting up to ``timeout_s`` for room.

        Raises:
            Overloaded: there was no room in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._inside + count <= self.capacity, timeout_s):
                raise Overloaded(f"{self._inside} inputs are being served, the limit is {self.capacity}")
            self._inside += count

    def leave(self) -> None:
        """One input has left."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

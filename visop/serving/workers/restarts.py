"""How workers that ended are replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Restarts:
    """When a worker follows one that ended.

    Attributes:
        first_s, most_s: how long to wait before that, in seconds: doubled with each that ended early in a row.
        early_s: one that served for less than this ended early.
        silence_s: one that says nothing for so long gets no calls; it says how it is twice a second.
        most: with none that serves, and more that ended early in a row, the front process ends, too.
        end: ends it, with a status.
    """

    first_s: float = 0.25
    most_s: float = 30.0
    early_s: float = 60.0
    silence_s: float = 5.0
    most: int = 5
    end: Callable[[int], object] = os._exit

    def wait_s(self, early: int) -> float:
        """Before the next start, after so many that ended early."""
        return min(self.first_s * 2.0 ** (early - 1), self.most_s) if early else 0.0

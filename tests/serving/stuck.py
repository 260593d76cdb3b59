"""Operators that fail in ways that need a process of their own."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from opkit.contract import Encoder
from opkit.settings import Settings
from tests.toys import ToyOperator


class StuckOperator(ToyOperator):
    """Never answers, except to the warm-up."""

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.batches:
            print("stuck", file=sys.stderr, flush=True)
            threading.Event().wait()
        return super().infer(batch)


class BrokenOperator(ToyOperator):
    """Fails its warm-up."""

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.full((len(batch), 3), np.nan)


class ConfiguredOperator(Encoder):
    """Takes settings."""

    dimension = 1

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def name(self) -> str:
        return self._settings.model

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ones((len(batch), 1))

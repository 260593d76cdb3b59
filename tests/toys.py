"""An operator with no framework, which can be told to misbehave: the fixture of every test above the model."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.contract import Encoder, Image

# Pictures of these colours make ToyOperator misbehave.
RAISES = (255, 0, 0)
NAN = (0, 255, 0)
ZERO = (0, 0, 0)


class ToyOperator(Encoder):
    """The mean colour as a 3-vector: every picture has its own vector, so swapped answers are noticed."""

    name = "toy"
    dimension = 3
    fingerprint = "toy-1"
    max_batch = 8

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.dead = False
        self.wrong_count = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        return image.reshape(-1, 3).mean(axis=0)

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self.batches.append(len(batch))
        self.entered.release()
        self.gate.wait()
        if self.dead or any((row == RAISES).all() for row in batch):
            raise RuntimeError("/secret/path: the model raised")
        vectors = batch.astype(np.float32)
        vectors[(batch == NAN).all(axis=1)] = np.nan
        return vectors[1:] if self.wrong_count else vectors

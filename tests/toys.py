"""An operator with no framework, which can be told to misbehave: the fixture of every test above the model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.contract import Encoder, Image, Processor
from visop.detection import Detection

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


class ToyProcessor(Processor):
    """Finds what stands on the background: one box round all pixels of each colour but that of the first pixel.

    Labels are the colours; the score is the share of the picture. ``answer`` replaces what ``postprocess`` returns.
    """

    name = "colours"
    stacks = False
    max_batch = 4

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.sizes: list[tuple[int, int]] = []
        self.wrong_count = False
        self.answer: Any = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)

    def infer(self, batch: Sequence[Image]) -> Sequence[Any]:
        self.batches.append(len(batch))
        self.entered.release()
        self.gate.wait()
        if any((image[0, 0] == RAISES).all() for image in batch):
            raise RuntimeError("/secret/path: the model raised")
        return [] if self.wrong_count else [_boxes(image) for image in batch]

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        self.sizes.append(image_size)
        found: list[Detection] = raw if self.answer is None else self.answer
        return found


def _boxes(image: Image) -> list[Detection]:
    found = []
    for colour in np.unique(image.reshape(-1, 3), axis=0):
        if (colour != image[0, 0]).any():
            rows, columns = np.nonzero((image == colour).all(axis=-1))
            box = (float(columns.min()), float(rows.min()), float(np.ptp(columns)) + 1, float(np.ptp(rows)) + 1)
            share = len(rows) / (image.shape[0] * image.shape[1])
            found.append(Detection(box, "-".join(map(str, colour)), share, ((columns.mean(), rows.mean()),)))
    return found

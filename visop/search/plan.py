"""What it costs to index pictures in parts, measured on one picture, so that it can be told before the run begins."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from visop.encoding.encoded import EncodedPicture
from visop.encoding.pool import Encoders
from visop.images.thumbnail import as_file

# Of the picture that is measured on: as those of a screen.
_WIDTH, _HEIGHT, _GRAIN = 800, 600, 8

# The first is slower, for what is loaded with it.
_TRIES = 3


@dataclass(frozen=True)
class Cost:
    """Of one picture.

    Attributes:
        rows: vectors; those of a detector depend on the picture.
        seconds: that encoding takes.
    """

    rows: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What is about to be indexed.

    Attributes:
        inputs: how many there are, of which some may be known.
        there: pictures that the index has already.
        encoders: that encode them.
    """

    inputs: int
    there: int
    encoders: Encoders

    @property
    def parts(self) -> str:
        """The parts of a picture, as ``OperatorInfo.parts``; empty if there are none."""
        return self.encoders.operator.parts

    @cached_property
    def of_one(self) -> Cost:
        """Encode a picture of noise, and measure it. Raises VisopError if that fails."""
        items = [_Noise(_noise())] * _TRIES
        times = [time.monotonic()]
        rows = 1
        for _, result in self.encoders.encode(items[:1]):
            rows += len(result.parts) if isinstance(result, EncodedPicture) else 0
        times.append(time.monotonic())
        list(self.encoders.encode(items[1:]))
        return Cost(rows, (time.monotonic() - times[-1]) / (_TRIES - 1))


@dataclass(frozen=True)
class _Noise:
    data: bytes


def _noise() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (_HEIGHT // _GRAIN, _WIDTH // _GRAIN, 3), np.uint8)
    return as_file(pixels.repeat(_GRAIN, axis=0).repeat(_GRAIN, axis=1))

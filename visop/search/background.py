"""From which cosine on a pair of pictures is a copy, so that few false pairs are expected among all that are compared.

How alike two different pictures are differs from picture to picture: nearly all photographs of grass are alike, and few
are like a portrait. So each picture has a threshold of its own, from the cosines of it with others: the rate at which
they exceed c is taken for a power of 1 - c, since a cosine ends at 1, and carried on to rates that are too small to
be observed (a generalised Pareto tail with a negative shape: Coles, "An Introduction to Statistical Modeling of Extreme
Values", 2001, section 4.2). That a pair has to be rare for both of its pictures, by the number of pairs that are
looked at, is the a-contrario rule of Desolneux, Moisan and Morel, "From Gestalt Theory to Image Analysis", 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

#: With fewer pictures the copies among them would be too large a part of what each is compared with.
LEAST_PICTURES = 500

# The shares of the others from whose cosines the tail is carried on. Copies are a smaller part of nearly all indexes.
_BULK, _TAIL = 0.2, 0.02

# How many others each picture is compared with for it, and how many at once.
_SAMPLE, _STRIP = 4096, 512

# A picture whose others are all equally alike has no tail; its power would be infinite.
_MOST_POWER = 200.0
_LEAST = 1e-6


@dataclass(frozen=True)
class Tail:
    """How the rate of cosines falls: ``rate(c) = share * ((1 - c) / (1 - cosine)) ** power``.

    Attributes:
        share: of the others, that reach ``cosine``.
        cosine: (N,) or a scalar.
        power: (N,) or a scalar.
    """

    share: float
    cosine: Floats
    power: Floats

    def threshold(self, rate: float) -> Floats:
        """Return the cosine from which on others are as rare as ``rate``, 0 to 1."""
        reached: Floats = (1 - (1 - self.cosine) * (rate / self.share) ** (1 / self.power)).astype(np.float32)
        return reached


def tail_through(first: tuple[float, float], second: tuple[float, float]) -> Tail:
    """Return the tail through two points, each a rate and the cosine that this share reaches, as a calibration has."""
    (bulk, low), (tail, high) = sorted((first, second), reverse=True)
    lows, highs = np.array([low], np.float32), np.array([high], np.float32)
    return Tail(tail, highs, _power(lows, highs, bulk / tail))


def tails_of(vectors: Floats) -> Tail:
    """Return the tail of each vector, (N, dimension) float32 of unit length, by a sample of the others."""
    count = len(vectors)
    chosen = np.random.default_rng(0).permutation(count)[:_SAMPLE]
    others = vectors[chosen]
    low, high = (np.empty(count, np.float32) for _ in range(2))
    ranks = [len(others) - 1 - int(share * len(others)) for share in (_BULK, _TAIL)]
    for start in range(0, count, _STRIP):
        cosines = np.partition(vectors[start : start + _STRIP] @ others.T, ranks, axis=1)
        low[start : start + _STRIP], high[start : start + _STRIP] = cosines[:, ranks[0]], cosines[:, ranks[1]]
    return Tail(_TAIL, high, _power(low, high, _BULK / _TAIL))


def _power(low: Floats, high: Floats, ratio: float) -> Floats:
    decline = np.log(np.maximum(1 - low, _LEAST) / np.maximum(1 - high, _LEAST))
    power: Floats = np.minimum(np.log(ratio) / np.maximum(decline, _LEAST), _MOST_POWER).astype(np.float32)
    return power

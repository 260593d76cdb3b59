"""Find the similarity from which on two pictures are called copies, at chosen false-positive rates. NumPy only.

True pairs are few, and their similarities are kept. Impostor pairs (a query and a picture that is not its original)
number in the millions, so their similarities are only counted, on a grid. A threshold is a point of the grid, so the
number of impostors that reach it is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.evaluation.metrics import Floats

#: The false-positive rates for which thresholds are computed.
RATES = (1e-2, 1e-3, 1e-4)

#: A threshold is given for a rate only if the rate amounts to at least this many pairs of pictures. With 10, the
#: standard error is a third of the rate (Poisson, 1 / sqrt(10)); with fewer, a few chance look-alikes would decide the
#: threshold. Every two pictures count once, because if one copy is mistaken for the other picture, most copies are.
LEAST_FALSE_POSITIVES = 10

# Cells of equal width over cosines of -1 to 1. At 2e-6, they are as fine as dot products in float32 are exact. 8 MiB.
_CELLS = 2**20


class Impostors:
    """A histogram of the similarities of any number of impostor pairs, in a fixed amount of memory.

    Attributes:
        pairs: the number of pairs.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self._counts = np.zeros(_CELLS + 1, np.int64)  # the last cell is for a cosine of exactly 1

    def add(self, similarities: npt.ArrayLike) -> None:
        """Count pairs by their cosines, floats of any shape; cosines beyond ±1, by rounding, count as ±1."""
        values = np.asarray(similarities, np.float32).ravel()
        # Scaling by a power of 2 does not round, so that no pair is counted on the wrong side of a threshold.
        cells = np.floor(np.clip(values, -1, 1) * np.float32(_CELLS / 2)).astype(np.int64) + _CELLS // 2
        self._counts += np.bincount(cells, minlength=_CELLS + 1)
        self.pairs += values.size

    def thresholds(self, rates: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return, for each rate, the lowest similarity on the grid that at most this share of the pairs reaches.

        The similarity is above 1 if too many pairs reach even 1.

        Raises:
            ValueError: there are no pairs.
        """
        if not self.pairs:
            raise ValueError("there are no impostor pairs to compute a threshold from")
        from_above = np.cumsum(self._counts[::-1])
        allowed = np.asarray(rates, float) * self.pairs
        cells = len(from_above) - np.searchsorted(from_above, allowed, side="right")
        return np.asarray(cells * 2 / _CELLS - 1)

    def rate(self, similarity: float) -> float:
        """Return the share of impostors at or above a similarity, which is rounded up to the grid."""
        cell = int(np.clip(np.ceil((similarity + 1) * _CELLS / 2), 0, _CELLS + 1))
        return float(self._counts[cell:].sum() / max(1, self.pairs))

    def quantile(self, share: float) -> float:
        """Return the similarity, on the grid, that this share of the impostors stays below."""
        return float(np.searchsorted(np.cumsum(self._counts), share * self.pairs) * 2 / _CELLS - 1)

    def histogram(self, edges: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Count the pairs between neighbouring ``edges``, (n + 1,) ascending cosines rounded up to the grid; (n,)."""
        cells = np.clip(np.ceil((np.asarray(edges, float) + 1) * _CELLS / 2), 0, _CELLS + 1).astype(int)
        below = np.concatenate([[0], np.cumsum(self._counts)])
        return np.asarray(below[cells[1:]] - below[cells[:-1]])


@dataclass(frozen=True)
class Threshold:
    """A threshold for copies: a pair at or above ``similarity`` is called a copy.

    Attributes:
        fpr: the requested false-positive rate.
        similarity: the threshold, a cosine.
        fpr_measured: share of the impostors at or above the threshold; at most ``fpr``.
        recall: share of the true pairs at or above the threshold.
        recalls: transformation -> its recall.
    """

    fpr: float
    similarity: float
    fpr_measured: float
    recall: float
    recalls: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """Thresholds, and the data that they were measured on.

    Attributes:
        fingerprint: fingerprint of the encoder; empty if it has none.
        pairs: number of impostor pairs, each an edited copy and another picture.
        picture_pairs: number of pairs of different pictures; a pair counts once, whichever of the two was edited and
            however often.
        pictures: number of originals in the gallery.
        data: a description of the pictures.
        thresholds: the thresholds for the rates that ``picture_pairs`` supports.
        unsupported: the rates that it does not support.
    """

    fingerprint: str
    pairs: int
    picture_pairs: int
    pictures: int
    data: str
    thresholds: tuple[Threshold, ...]
    unsupported: tuple[float, ...]

    @property
    def least_fpr(self) -> float:
        """The smallest false-positive rate that ``picture_pairs`` supports; inf if there are no pairs."""
        return _least_fpr(self.picture_pairs)

    def card(self) -> dict[str, Any]:
        """Return the calibration as it is stored in the card of an encoder, ready for JSON."""
        thresholds = [
            {"fpr": each.fpr, "similarity": each.similarity, "recall": each.recall, "fpr_measured": each.fpr_measured}
            for each in self.thresholds
        ]
        return {
            "fingerprint": self.fingerprint,
            "similarity": "cosine",
            "pairs": self.pairs,
            "picture_pairs": self.picture_pairs,
            "pictures": self.pictures,
            "data": self.data,
            "thresholds": thresholds,
        }


def calibrate(
    true: Mapping[str, Floats],
    impostors: Impostors,
    *,
    pictures: int,
    data: str,
    fingerprint: str = "",
    rates: Sequence[float] = RATES,
) -> Calibration:
    """Compute a threshold for every rate that the number of pairs of pictures supports.

    The number of pairs is derived from the number of impostors: for each transformation, every two pictures are among
    them once in each direction. If not every picture was a query, or some had no vector, the result is too low, never
    too high.

    Args:
        true: transformation (at least one) -> (any,) cosines of transformed pictures and their originals.
        impostors: the cosines of all other pairs, under all these transformations.
        pictures: number of originals in the gallery.
        data: a description of the pictures, for the card.
        fingerprint: fingerprint of the encoder; a calibration without one is never used to judge pictures.
        rates: the requested false-positive rates.
    """
    picture_pairs = impostors.pairs // (2 * len(true))
    supported = tuple(fpr for fpr in rates if fpr >= _least_fpr(picture_pairs))
    return Calibration(
        fingerprint=fingerprint,
        pairs=impostors.pairs,
        picture_pairs=picture_pairs,
        pictures=pictures,
        data=data,
        thresholds=tuple(_threshold(fpr, true, impostors) for fpr in supported),
        unsupported=tuple(fpr for fpr in rates if fpr not in supported),
    )


def _least_fpr(picture_pairs: int) -> float:
    return LEAST_FALSE_POSITIVES / picture_pairs if picture_pairs else np.inf


def _threshold(fpr: float, true: Mapping[str, Floats], impostors: Impostors) -> Threshold:
    similarity = float(impostors.thresholds([fpr])[0])
    recalls = {name: float(np.mean(values >= similarity)) for name, values in true.items()}
    everything = np.concatenate(list(true.values()))
    return Threshold(fpr, similarity, impostors.rate(similarity), float(np.mean(everything >= similarity)), recalls)

"""From which similarity on two pictures are copies: thresholds at chosen false-positive rates. NumPy only.

True pairs are few and kept as they are. Impostor pairs (a query and every picture that is not its original) are
millions, and only counted, on a grid: the threshold is a point of the grid, and how many impostors reach it is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.evaluation.metrics import Floats

#: False-positive rates that a threshold is given for.
RATES = (1e-2, 1e-3, 1e-4)

#: A rate is measured with at least so many pairs of pictures that pass, or not given: with 10, its standard error is a
#: third of it (Poisson, 1 / sqrt(10)); with fewer, the threshold would be made of a few chance look-alikes. Each two
#: pictures count once: where one copy passes for the other picture, most copies do.
LEAST_FALSE_POSITIVES = 10

# Cells of equal width over cosines of -1 to 1: 2e-6 wide, as fine as a dot product in float32 is exact. 8 MiB.
_CELLS = 2**20


class Impostors:
    """The similarities of any number of impostor pairs, in a fixed amount of memory.

    Attributes:
        pairs: how many there are.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self._counts = np.zeros(_CELLS + 1, np.int64)  # the last one is for a cosine of exactly 1

    def add(self, similarities: npt.ArrayLike) -> None:
        """Count pairs: cosines, float of any shape; beyond -1 and 1, by rounding, they count as -1 and 1."""
        values = np.asarray(similarities, np.float32).ravel()
        # Scaling by a power of 2 does not round, so that no pair is counted on the wrong side of a threshold.
        cells = np.floor(np.clip(values, -1, 1) * np.float32(_CELLS / 2)).astype(np.int64) + _CELLS // 2
        self._counts += np.bincount(cells, minlength=_CELLS + 1)
        self.pairs += values.size

    def thresholds(self, rates: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """For each rate the lowest similarity on the grid that at most this share of the pairs reaches.

        It lies above 1 where too many reach even 1.

        Raises:
            ValueError: there are no pairs.
        """
        if not self.pairs:
            raise ValueError("no impostor pairs: there is nothing to keep out")
        from_above = np.cumsum(self._counts[::-1])
        allowed = np.asarray(rates, float) * self.pairs
        cells = len(from_above) - np.searchsorted(from_above, allowed, side="right")
        return np.asarray(cells * 2 / _CELLS - 1)

    def rate(self, similarity: float) -> float:
        """Share of the impostors at or above a similarity, which is rounded up to the grid."""
        cell = int(np.clip(np.ceil((similarity + 1) * _CELLS / 2), 0, _CELLS + 1))
        return float(self._counts[cell:].sum() / max(1, self.pairs))

    def quantile(self, share: float) -> float:
        """The similarity that this share of the impostors stays below, on the grid."""
        return float(np.searchsorted(np.cumsum(self._counts), share * self.pairs) * 2 / _CELLS - 1)

    def histogram(self, edges: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Pairs between neighbouring cosines of ``edges``, (n + 1,) ascending, each rounded up to the grid: (n,)."""
        cells = np.clip(np.ceil((np.asarray(edges, float) + 1) * _CELLS / 2), 0, _CELLS + 1).astype(int)
        below = np.concatenate([[0], np.cumsum(self._counts)])
        return np.asarray(below[cells[1:]] - below[cells[:-1]])


@dataclass(frozen=True)
class Threshold:
    """A pair at or above ``similarity`` is a copy.

    Attributes:
        fpr: the false-positive rate asked for.
        similarity: a cosine.
        fpr_measured: share of the impostors at or above it; at most ``fpr``.
        recall: share of the true pairs at or above it.
        recalls: the same for each transformation.
    """

    fpr: float
    similarity: float
    fpr_measured: float
    recall: float
    recalls: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """Thresholds, and what they were measured on.

    Attributes:
        fingerprint: of the encoder that was measured; empty if it has none.
        pairs: impostor pairs: of an edited copy and another picture.
        picture_pairs: of two different pictures, each counted once, whichever of the two was edited and how often.
        pictures: originals in the gallery.
        data: what pictures, in words.
        thresholds: for the rates that so many pairs of pictures support.
        unsupported: the rates that they do not.
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
        """The smallest false-positive rate that so many pairs of pictures support; inf if there are none."""
        return _least_fpr(self.picture_pairs)

    def card(self) -> dict[str, Any]:
        """As it stands in the card of an encoder, ready for JSON."""
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
    """Give a threshold for every rate that the number of pairs of pictures supports.

    That number follows from the impostors: every transformation had each two pictures among them in both directions.
    Where not every picture was asked for, or some had no vector, it is less than there are, never more.

    Args:
        true: per transformation, at least one, (any,) cosines of transformed pictures and their originals.
        impostors: the cosines of all others, under all these transformations.
        pictures: originals in the gallery.
        data: what pictures, in words, for the card.
        fingerprint: of the encoder. A calibration without one is used for no verdict.
        rates: false-positive rates asked for.
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

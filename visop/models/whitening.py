"""PCA whitening of descriptors, learnt from pictures without labels. NumPy alone.

Jégou & Chum 2012, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening",
sections 2 and 3: the descriptors are centred, projected on the eigenvectors of their covariance, divided by the square
roots of its eigenvalues, and made unit vectors again. What often occurs together then counts once, and no longer once
for every channel that sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.errors import UsageError

#: A direction with less than this share of the largest variance is rounding, and dividing by it would make it signal.
LEAST_VARIANCE = 1e-6


class Moments:
    """Count, mean and scatter of vectors that pass by: memory for one matrix, however many there are.

    In float64 by the update of Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", eq. 2.1,
    which loses nothing where the mean is large against the spread.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean = np.zeros(dimension)
        self._scatter = np.zeros((dimension, dimension))

    def add(self, vectors: npt.NDArray[np.float32]) -> None:
        """Take in (N, dimension) float vectors, N > 0."""
        batch = vectors.astype(np.float64)
        count, mean = len(batch), batch.mean(axis=0)
        centred, shift = batch - mean, mean - self.mean
        self._scatter += centred.T @ centred
        self._scatter += np.outer(shift, shift) * (self.count * count / (self.count + count))
        self.count += count
        self.mean += shift * (count / self.count)

    @property
    def covariance(self) -> npt.NDArray[np.float64]:
        """(dimension, dimension): the scatter divided by the count, as the papers have it."""
        covariance: npt.NDArray[np.float64] = self._scatter / self.count
        return covariance


@dataclass(frozen=True)
class Whitening:
    """x -> x @ kernel + bias, before the last L2.

    Attributes:
        kernel: (D_in, D_out) float64; its columns go from the largest variance to the smallest.
        bias: (D_out,) float64.
        kept: the share of the variance that is in these D_out directions, 0 to 1.
    """

    kernel: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    kept: float


def learn_whitening(moments: Moments, dimension: int | None = None) -> Whitening:
    """Learn the whitening whose outputs have mean 0 and covariance 1 on the vectors that were seen.

    Args:
        moments: of unit vectors.
        dimension: how many directions to keep, those of the largest variance; None for all that there are: at most one
            less than vectors, and those whose variance is more than rounding.

    Raises:
        UsageError: there are too few vectors, or directions, for this dimension.
    """
    variances, directions = np.linalg.eigh(moments.covariance)
    variances, directions = variances[::-1], directions[:, ::-1]
    there = min(int((variances > LEAST_VARIANCE * variances[0]).sum()), moments.count - 1)
    dimension = there if dimension is None else dimension
    _check(dimension, there, moments)
    kernel = directions[:, :dimension] / np.sqrt(variances[:dimension])
    return Whitening(kernel, -moments.mean @ kernel, float(variances[:dimension].sum() / variances.clip(0).sum()))


def _check(dimension: int, there: int, moments: Moments) -> None:
    if moments.count <= dimension or moments.count < 2:
        why = f"{moments.count} pictures cannot whiten so many dimensions: it takes at least one picture more than "
        why += "dimensions, and ten times as many are better. Give more pictures, or a smaller dimension"
        raise UsageError("dimension", dimension, why)
    if not 1 <= dimension <= there:
        raise UsageError("dimension", dimension, f"these vectors vary in {there} of {len(moments.mean)} directions")

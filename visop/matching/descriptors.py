"""Compare the descriptors of two pictures, also if one is mirrored or has its colours inverted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.matching.features import Features, Floats

# The nearest descriptor has to be so much nearer than the second, by distance: Lowe 2004, section 7.1.
_RATIO = 0.8

_PLACES = np.arange(128).reshape(4, 4, 8)
# Mirrored along the direction of the feature, the rows change places and each direction becomes its opposite angle.
_MIRRORED = _PLACES[::-1][:, :, -np.arange(8) % 8].ravel()
# With inverted colours the direction of the feature is the opposite, so that the cells are turned by half a turn.
_INVERTED = _PLACES[::-1, ::-1].ravel()


@dataclass(frozen=True, eq=False)
class View:
    """A way in which a picture may have been changed that SIFT does not see through by itself.

    The features need not be found anew: the descriptors have the same numbers in another order.
    """

    mirrored: bool
    inverted: bool
    order: npt.NDArray[np.int64]


#: As it is, mirrored, with inverted colours, and both.
VIEWS = (
    View(False, False, np.arange(128)),
    View(True, False, _MIRRORED),
    View(False, True, _INVERTED),
    View(True, True, _MIRRORED[_INVERTED]),
)


def unit_vectors(features: Features) -> Floats:
    """Return the descriptors, (N, 128) float32 of unit length, with a product that is the cosine of RootSIFT.

    R. Arandjelovic and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012: the
    square root of the descriptor divided by its sum, whose Euclidean distance is the Hellinger distance of the two.
    """
    values = features.descriptors.astype(np.float32)
    vectors: Floats = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))
    return vectors


def pairs_of(first: Floats, second: Floats) -> npt.NDArray[np.int64]:
    """Pair features that are like each other, and much less like any other: (M, 2), their numbers.

    No feature of the second picture is in two pairs, so that nothing is gained from a pattern that repeats.

    Args:
        first: (N, 128) float32 of unit length.
        second: the same of the other picture.
    """
    if not len(first) or len(second) < 2:
        return np.zeros((0, 2), np.int64)
    cosines, numbers = first @ second.T, np.arange(len(first))
    nearest = cosines.argmax(axis=1)
    best = cosines[numbers, nearest]
    cosines[numbers, nearest] = -2
    # |a - b|^2 = 2 - 2 cos(a, b)
    passed = np.flatnonzero(1 - best < _RATIO**2 * (1 - cosines.max(axis=1)))
    passed = passed[np.argsort(-best[passed], kind="stable")]
    _, once = np.unique(nearest[passed], return_index=True)
    return np.stack([passed[once], nearest[passed[once]]], axis=1)

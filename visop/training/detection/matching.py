"""Which prior is to find which object (Liu et al. 2016, section 2.2, "Matching strategy")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from visop.processors.boxes import Floats
from visop.processors.ssd.coding import encode

#: A prior that overlaps an object by more than this share of their union is to find it.
MATCHED = 0.5

#: The classes of priors that find nothing, and that nothing is said of; those of labels count from 1.
BACKGROUND, IGNORED = 0, -1

Classes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def targets(edges: Floats, classes: Classes, asked: Flags, priors: Floats) -> Floats:
    """What a network should answer for a picture.

    Each object gets the prior that overlaps it most, and every prior that overlaps an object by more than ``MATCHED``
    is to find the one that it overlaps most. Nothing is said of priors on objects that are not asked for.

    Args:
        edges: (T, 4) of the objects: left, top, right, bottom as shares of the picture's sides; not empty boxes.
        classes: (T,), from 1.
        asked: (T,), whether each is to be found.
        priors: (P, 4), of ``prior_boxes``.

    Returns:
        (P, 5) float32: the offsets, and the class.
    """
    result = np.zeros((len(priors), 5), np.float32)
    if not len(edges):
        return result
    overlaps = pairwise_overlaps(edges, _corners(priors))
    chosen, most = overlaps.argmax(axis=0), overlaps.max(axis=0)
    for truth in np.flatnonzero(asked):  # of two objects with one best prior the later keeps it
        best = overlaps[truth].argmax()
        chosen[best], most[best] = truth, 1
    matched = most > MATCHED
    result[matched, :4] = encode(edges[chosen[matched]], priors[matched])
    result[matched, 4] = np.where(asked[chosen[matched]], classes[chosen[matched]], IGNORED)
    return result


def pairwise_overlaps(boxes: Floats, others: Floats) -> Floats:
    """The area that each box (N, 4) shares with each other (M, 4), as a share of their union: (N, M)."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    end = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(end - corner, 0), axis=2)
    own, theirs = (np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (boxes, others))
    whole = own[:, None] + theirs[None, :] - shared
    result: Floats = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return result


def _corners(priors: Floats) -> Floats:
    half = priors[:, 2:] / 2
    return np.hstack([priors[:, :2] - half, priors[:, :2] + half])

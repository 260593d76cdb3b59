"""Boxes as offsets from priors, which is what an SSD predicts (Liu et al. 2016, equation 2), and back.

Priors are rows (x, y, width, height) with x and y of the middle, boxes are rows (left, top, right, bottom); all are
shares of the picture's sides.
"""

from __future__ import annotations

import numpy as np

from visop.processors.boxes import Floats

Variances = tuple[float, float]

#: What the offsets of middles and of logarithms of sizes are divided by, to make all about equally large. Not in the
#: paper: of its authors' implementation, as of all others.
VARIANCES: Variances = (0.1, 0.2)

# The largest logarithm of a size by a prior's that is looked at: what is larger lies outside of any picture, and its
# exponential, in float32, would be infinite above 88.
LARGEST_LOG = 50.0


def encode(boxes: Floats, priors: Floats, variances: Variances = VARIANCES) -> Floats:
    """What a network should predict for boxes, each by the prior in the same row.

    Args:
        boxes: (N, 4), right of left and below top.
        priors: (N, 4), of ``prior_boxes``.
        variances: of middles, of sizes.

    Returns:
        (N, 4) float32: x, y of the middle, logarithms of width and height.
    """
    sizes = boxes[:, 2:] - boxes[:, :2]
    middles = boxes[:, :2] + sizes / 2
    of_middles = (middles - priors[:, :2]) / priors[:, 2:] / variances[0]
    of_sizes = np.log(sizes / priors[:, 2:]) / variances[1]
    return np.hstack([of_middles, of_sizes]).astype(np.float32)


def decode(
    offsets: Floats, priors: Floats, variances: Variances = VARIANCES, *, largest_log: float = LARGEST_LOG
) -> Floats:
    """The boxes that a network predicts; ``encode`` backwards.

    Args:
        offsets: (N, 4), any finite numbers.
        priors: as of ``encode``.
        variances: as of ``encode``.
        largest_log: logarithms of sizes above it are taken for it.

    Returns:
        (N, 4) float32, finite; may stand out of the picture.
    """
    middles = priors[:, :2] + offsets[:, :2] * np.float32(variances[0]) * priors[:, 2:]
    logs = np.minimum(offsets[:, 2:] * np.float32(variances[1]), np.float32(largest_log))
    sizes = np.exp(logs) * priors[:, 2:]
    return np.hstack([middles - sizes / 2, middles + sizes / 2]).astype(np.float32)

"""Find the local features of a picture: points that are found again in a copy, and a description of what is there.

SIFT, D. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2), 2004. It is found again after
scaling and turning, and its description hardly changes with brightness and contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.contract import Image
from visop.matching.library import opencv

Floats = npt.NDArray[np.float32]

#: Pixels of the longer side to which a picture is scaled down, and the most features that are kept: the strongest.
SIDE, MOST = 768, 3000

#: To be incremented whenever the same picture has other features than before.
EDITION = 1

#: Pixels of the longer side of the small picture that is kept with them.
GREY_SIDE = 192

# A smaller picture is enlarged to this: a part that was cut out has features of a few pixels.
_LEAST_LONGER = 320

# Below this a picture, as it was scaled down, has no features. It bounds strips of 1 x 5000 pixels.
_LEAST_SIDE = 12

# OpenCV has 0.04. An eighth of it finds features in soft pictures, too.
_CONTRAST = 0.005

# Of the longer side. Two features at one place, of other scale or orientation, are evidence once.
_SAME_PLACE = 1 / 512


@dataclass(frozen=True, eq=False)
class Features:
    """What a picture is recognised by.

    Attributes:
        points: (N, 2) float32, x and y in pixels of the picture; the strongest feature first.
        descriptors: (N, 128) uint8 of SIFT: 4 rows of 4 cells with 8 directions each.
        grey: (h, w) uint8, the picture scaled down to ``GREY_SIDE`` pixels.
        size: width and height of the picture, in pixels.
    """

    points: Floats
    descriptors: npt.NDArray[np.uint8]
    grey: npt.NDArray[np.uint8]
    size: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.points.nbytes + self.descriptors.nbytes + self.grey.nbytes

    def strongest(self, most: int) -> Features:
        """The same with no more than this many features."""
        return Features(self.points[:most], self.descriptors[:most], self.grey, self.size)


def find_features(image: Image, size: tuple[int, int] | None = None, *, side: int = SIDE, most: int = MOST) -> Features:
    """Find the features of a picture. A flat picture, or one that is a line, has none.

    Args:
        image: (H, W, 3) uint8 RGB, at the size of the picture or decoded at a reduced scale.
        size: (width, height) of the picture, if ``image`` is reduced.
        side: pixels of the longer side to which it is scaled down.
        most: how many features at most.
    """
    cv2, (height, width) = opencv(), image.shape[:2]
    size = size or (width, height)
    grey = _grey(image, side)
    small = _reduced(grey, GREY_SIDE)
    if min(grey.shape) < _LEAST_SIDE:
        return _none(small, size)
    detector = cv2.SIFT_create(nfeatures=most, contrastThreshold=_CONTRAST)
    found, descriptors = detector.detectAndCompute(grey, None)
    if not found:
        return _none(small, size)
    order = np.argsort([-each.response for each in found], kind="stable")[:most]
    # OpenCV has whole numbers for the centres of pixels.
    points = (np.array([found[place].pt for place in order]) + 0.5) * (np.array(size) / grey.shape[::-1])
    return Features(points.astype(np.float32), descriptors[order].astype(np.uint8), small, size)


def places(points: Floats, size: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Number the places of points, (N, 2) in pixels of a picture: equal for those that are nearly at one place."""
    cell = max(size) * _SAME_PLACE
    columns, rows = np.floor(points / cell).astype(np.int64).T
    numbers: npt.NDArray[np.int64] = columns + (rows << 20)
    return numbers


def _grey(image: Image, side: int) -> npt.NDArray[np.uint8]:
    """The grey levels of a picture, no longer than this on its longer side, and no shorter than ``_LEAST_LONGER``."""
    cv2 = opencv()
    grey: npt.NDArray[np.uint8] = cv2.cvtColor(_reduced(np.ascontiguousarray(image), side), cv2.COLOR_RGB2GRAY)
    factor = _LEAST_LONGER / max(grey.shape)
    if factor > 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return grey


def _reduced(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """The same picture, no longer than this on its longer side."""
    cv2, (height, width) = opencv(), image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    reduced: npt.NDArray[np.uint8] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return reduced


def _none(grey: npt.NDArray[np.uint8], size: tuple[int, int]) -> Features:
    return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8), grey, size)

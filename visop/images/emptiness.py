"""Tell pictures on which there is nearly nothing: a black one, a white sheet with a page number or some dust.

Of such pictures an encoder can say nothing. Black, grey and white ones have one and the same vector, and two empty
sheets with different specks are as alike as a picture and its copy.
"""

from __future__ import annotations

import math

import numpy as np
import PIL.Image

from visop.contract import Image

#: Below this share a picture is nearly empty. A title alone on a page is 0.6%, two lines of text are 2%.
LEAST_MARKED = 0.01

# How much a cell has to differ from the background, in any channel, 0 to 255. The noise of a scan, averaged over a
# cell, is below it, and the weakest fog or gradient in which the shipped encoder sees anything is above.
_LEVELS = 5

# Cells in a row or column at most, and pixels of a cell at least, of which there are fewer in a small picture.
_CELLS, _CELL = 64, 4

# Of a larger picture, only every n-th pixel in both directions is looked at: enough for the noise to average out.
_PIXELS = 1_000_000


def marked_share(image: Image) -> float:
    """Return the share of a picture that differs from its background, 0 to 1; the background is the median colour.

    It is measured on cells of a 64th of the width and height, averaged. Of 320 photographs and generated pictures none
    is nearly empty, nor any at a quarter of its contrast, and 5 are at a tenth; of 80 blank pages, pages with specks
    or a title, and skies with few stars, all are (benchmarks/emptiness.py; the table is in docs/how-to/copies.md).

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    step = max(1, math.isqrt(height * width // _PIXELS))
    size = _cells(width), _cells(height)
    looked_at = PIL.Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    cells = np.asarray(looked_at.resize(size, PIL.Image.Resampling.BOX), np.int16).reshape(-1, 3)
    return float((np.abs(cells - np.median(cells, axis=0)).max(axis=1) > _LEVELS).mean())


def is_nearly_empty(marked: float) -> bool:
    """Whether a picture with this ``marked_share`` has too little on it to be compared with another one."""
    return marked < LEAST_MARKED


def emptiness_words(marked: float) -> str:
    """What to say of a nearly empty picture, after its name and ``is``."""
    return f"nearly empty ({marked:.1%} of it differs from its background)"


def _cells(pixels: int) -> int:
    return min(_CELLS, max(1, pixels // _CELL))

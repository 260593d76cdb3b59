"""Bring grey of more than 8 bits to 8 bits.

16 bits have a range that is known, and so have 12. Wider values have not: a floating-point picture may hold 0 to 1, or
metres above the sea. They are taken if their values say what is white, and refused if not, because to spread them
over the range would make another picture of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from visop.errors import ImageDecodeError
from visop.images.formats.tiff_samples import used_bits

Values = npt.NDArray[Any]

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF tags
_WHITE_IS_ZERO, _UNSIGNED = 0, 1

# How far a floating-point picture may go beyond black and white: filters overshoot.
_OVERSHOOT = 0.1


def is_deep(image: PIL.Image.Image) -> bool:
    """Return whether a loaded picture has grey of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def grey_of_eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """Bring a picture for which ``is_deep`` is true to mode L, or LA if one of its greys is transparent (PNG).

    Raises:
        ImageDecodeError: the values do not say what is white.
    """
    tags = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        scaled = _highest_bits(values, 12 if tags.get(_BITS_PER_SAMPLE) == (12,) else used_bits(tags))
    else:
        scaled = _scale(_unsigned(values, tags), _whites(image.mode, tags))
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 255 - scaled
    grey = PIL.Image.fromarray(scaled)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(PIL.Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _highest_bits(values: Values, bits: int) -> Values:
    """Return the highest 8 of so many bits; of all 16 if a value needs more than these."""
    if int(values.max()) >= 2**bits:
        bits = 16
    return (values >> (bits - 8)).astype(np.uint8)


def _is_unsigned(tags: Any) -> bool:
    """Whether samples are unsigned: those of a TIFF are if it does not say otherwise, those in memory are not."""
    return bool(tags) and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,)


def _unsigned(values: Values, tags: Any) -> Values:
    """Undo that Pillow reads 32 bits as signed."""
    if values.dtype.kind == "i" and _is_unsigned(tags):
        return values.view(np.uint32)
    return values


def _whites(mode: str, tags: Any) -> tuple[int, ...]:
    """Return what may be white, from the smallest: that of 8 bits, of 16, and of the samples themselves."""
    if mode == "F":
        return 1, 255, 65535
    if _is_unsigned(tags):
        return 255, 65535, 2**32 - 1
    return (255, 32767) if tags.get(_BITS_PER_SAMPLE) == (16,) else (255, 65535)


def _scale(values: Values, whites: tuple[int, ...]) -> Values:
    """Scale to 0 to 255 by the smallest white that no value exceeds; what is not a number becomes black.

    Raises:
        ImageDecodeError: there is none, or it does not fit the values.
    """
    if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
        values = np.where(finite, values, np.float32(0))
    low, high = float(values.min()), float(values.max())
    white = next((white for white in whites if _is_within(low, high, white)), None)
    if white is None or not _fits(values, high, white):
        raise ImageDecodeError(
            f"image has grey values from {low:g} to {high:g}, which do not say what is black and what is white; "
            "scale them to whole numbers from 0 to 255 or 65,535"
        )
    scaled = values.astype(np.float32)
    scaled *= np.float32(255 / white)
    np.clip(scaled, 0, 255, out=scaled)
    return np.rint(scaled, out=scaled).astype(np.uint8)


def _is_within(low: float, high: float, white: int) -> bool:
    slack = _OVERSHOOT if white == 1 else 0
    return low >= -slack and high <= white + slack


def _fits(values: Values, high: float, white: int) -> bool:
    """Return whether a white fits: above 1 values are whole numbers, and 32 bits are used to at least a half."""
    if white == 1:
        return True
    are_whole = values.dtype.kind != "f" or bool((values == np.floor(values)).all())
    return are_whole and (white < 2**32 - 1 or high >= 2**31)

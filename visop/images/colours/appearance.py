"""Make of a loaded picture what a browser shows of it: RGB, in sRGB, on white."""

from __future__ import annotations

import PIL.Image

from visop.images.colours.alpha import on_white, split_alpha
from visop.images.colours.conversion import to_srgb
from visop.images.colours.grey import grey_of_eight_bits, is_deep


def appearance(image: PIL.Image.Image, profile: bytes | None, bits: int = 8) -> PIL.Image.Image:
    """Convert a loaded picture of any mode to RGB.

    Args:
        image: loaded; its ``info`` may change.
        profile: the ICC profile of its colours; None for sRGB.
        bits: bits per sample in a PNG, whose transparent colour is given in these.

    Returns:
        Mode RGB; ``image`` itself if it is as it should be.

    Raises:
        ImageDecodeError: it is grey of more than 16 bits, of which nothing says what is white.
    """
    if image.mode == "RGB" and "transparency" not in image.info:  # nearly all photographs
        return to_srgb(image, profile)
    colours, alpha = split_alpha(grey_of_eight_bits(image) if is_deep(image) else image, bits)
    return on_white(to_srgb(colours, profile), alpha)

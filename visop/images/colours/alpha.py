"""Compose transparent pictures on white, as browsers show them on a page.

Transparency comes as a channel, as the alpha of palette entries, as one colour that stands for it, or, in a GIF, as
the part of the canvas that the first frame does not cover.
"""

from __future__ import annotations

from typing import Any

import PIL.Image

_OPAQUE = 255
_TO_EXPLICIT = {"1": "L", "La": "LA", "RGBa": "RGBA"}
_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "CMYK", "LAB")


def split_alpha(image: Any, bits: int) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    """Split a loaded picture into colours and alpha.

    Args:
        image: any mode of Pillow with 8 bits or less.
        bits: bits per sample in the file; a PNG says in these which grey or colour is transparent.

    Returns:
        Colours in mode L, RGB, CMYK or LAB, and alpha in mode L, or None if every pixel is opaque.
    """
    picture = _explicit(image, bits)
    if picture.mode not in ("LA", "RGBA"):
        return picture, _covered(image)
    alpha = picture.getchannel("A")
    colours = picture.convert("RGB") if picture.mode == "RGBA" else picture.getchannel("L")
    if alpha.getextrema() == (_OPAQUE, _OPAQUE):
        return colours, _covered(image)
    return colours, alpha


def on_white(colours: PIL.Image.Image, alpha: PIL.Image.Image | None) -> PIL.Image.Image:
    """Compose RGB colours on white."""
    if alpha is None:
        return colours
    page = PIL.Image.new("RGB", colours.size, "white")
    page.paste(colours, mask=alpha)
    return page


def _explicit(image: PIL.Image.Image, bits: int) -> PIL.Image.Image:
    """Convert a picture to a mode without palette or transparent colour: each channel is a colour or alpha."""
    key = image.info.get("transparency")
    if isinstance(key, str):  # a text in a PNG may be called so
        image.info.pop("transparency")
        key = None
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode not in _AS_THEY_ARE:
        image = image.convert(_TO_EXPLICIT.get(image.mode, "RGB"))
    if key is None or image.mode not in ("L", "RGB"):
        return image
    image.info["transparency"] = _in_eight_bits(key, bits)
    return image.convert("LA" if image.mode == "L" else "RGBA")


def _in_eight_bits(key: Any, bits: int) -> Any:
    """Scale a transparent grey or colour as Pillow scales the samples; it has scaled that of one bit itself."""
    if isinstance(key, tuple):
        return tuple(value >> 8 for value in key) if bits == 16 else key
    return key * {2: 85, 4: 17}.get(bits, 1)


def _covered(image: Any) -> PIL.Image.Image | None:
    """Return the part of the canvas that the first frame of a GIF covers as alpha, or None if it covers it all."""
    box = getattr(image, "dispose_extent", None)
    if image.format != "GIF" or not box or box == (0, 0, *image.size):
        return None
    alpha = PIL.Image.new("L", image.size, 0)
    alpha.paste(_OPAQUE, box)
    return alpha

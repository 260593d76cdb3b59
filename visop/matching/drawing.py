"""Draw how a picture lies in its original: both side by side, the outline of one in the other, lines of matches."""

from __future__ import annotations

import PIL.Image
from PIL import ImageDraw

from visop.contract import Image
from visop.matching.overlap import overlap
from visop.matching.proof import Found, Outline

# Pixels of the longer side of each picture in the drawing, and between the two.
_SIDE, _BETWEEN = 800, 16

# So many lines can be told apart.
_LINES = 60

# Told apart with any colour vision, on light and dark (Okabe and Ito, https://jfly.uni-koeln.de/color).
_OUTLINE, _LINE, _AROUND = "#e69f00", "#56b4e9", "white"
_WIDTH = 4


def drawing(
    picture: Image, original: Image, sizes: tuple[tuple[int, int], tuple[int, int]], found: Found | None
) -> PIL.Image.Image:
    """Draw a picture on the left and its original on the right.

    Args:
        picture: (H, W, 3) uint8 RGB, at full size or decoded at a reduced scale.
        original: the same of the other.
        sizes: (width, height) of both at full size.
        found: how the one lies in the other; None draws the two alone.
    """
    left, right = _scaled(picture), _scaled(original)
    shift = left.width + _BETWEEN
    sheet = PIL.Image.new("RGB", (shift + right.width, max(left.height, right.height)), _AROUND)
    if found is not None:
        _outline(left, found.outline_of_original, sizes[0])
        _outline(right, found.outline, sizes[1])
    sheet.paste(left, (0, 0))
    sheet.paste(right, (shift, 0))
    if found is not None:
        _lines(sheet, found, left.width / sizes[0][0], right.width / sizes[1][0], shift)
    return sheet


def _scaled(image: Image) -> PIL.Image.Image:
    """At the size of the drawing; a strip keeps a pixel of its shorter side."""
    height, width = image.shape[:2]
    factor = _SIDE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return PIL.Image.fromarray(image).resize(size)


def _outline(picture: PIL.Image.Image, outline: Outline, size: tuple[int, int]) -> None:
    """Draw the border of the part of a picture that lies inside an outline, in pixels of the picture at full size."""
    scale, inner = picture.width / size[0], _WIDTH / 2
    limits = picture.width - inner, picture.height - inner
    part = overlap(outline, size).polygon
    points = [
        tuple(min(max(each * scale, inner), limit) for each, limit in zip(point, limits, strict=True)) for point in part
    ]
    for colour, width in (("black", _WIDTH + 4), (_OUTLINE, _WIDTH)):
        ImageDraw.Draw(picture).line([*points, *points[:2]], fill=colour, width=width, joint="curve")


def _lines(sheet: PIL.Image.Image, found: Found, here: float, there: float, shift: int) -> None:
    """Draw some of the matches, spread over all of them."""
    draw = ImageDraw.Draw(sheet)
    for x, y, u, v in found.lines[:: max(1, len(found.lines) // _LINES)]:
        start, end = (x * here, y * here), (u * there + shift, v * there)
        draw.line([start, end], fill=_LINE, width=1)
        for point in (start, end):
            draw.circle(point, 3, fill=_LINE, outline="black")

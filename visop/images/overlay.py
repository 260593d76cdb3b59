"""Draw what was found in a picture onto it, for people."""

from __future__ import annotations

import io
from collections.abc import Iterable

import PIL.Image
from PIL import ImageDraw, ImageFont

from visop.contract import Image
from visop.detection import Detection, score_text
from visop.images.crops import save_jpeg

# Told apart with any colour vision, on light and dark (Okabe and Ito, https://jfly.uni-koeln.de/color).
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")

# Of the longer side of the picture.
_LINE, _TEXT = 1 / 300, 1 / 40
_LEAST_TEXT = 11


def overlay(
    image: Image, found: Iterable[Detection], image_size: tuple[int, int], *, scores: bool = True
) -> PIL.Image.Image:
    """Draw boxes, labels, scores and keypoints; each label has a colour of its own.

    Args:
        image: (H, W, 3) uint8, at the size of the picture or decoded at a reduced scale; not modified.
        found: boxes in pixels of the picture.
        image_size: (width, height) of the picture.
        scores: whether they are written behind the labels.
    """
    picture = PIL.Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    scale = picture.width / image_size[0], picture.height / image_size[1]
    longer = max(picture.size)
    line = max(1, round(longer * _LINE))
    font = ImageFont.load_default(max(_LEAST_TEXT, longer * _TEXT))
    colours: dict[str, str] = {}
    for each in found:
        colour = colours.setdefault(each.label, _COLOURS[len(colours) % len(_COLOURS)])
        text = f"{each.label} {score_text(each.score)}" if scores else each.label
        _draw(draw, each, " ".join(text.split()), scale, line, font, colour)
    return picture


def overlay_file(image: Image, found: Iterable[Detection], image_size: tuple[int, int], quality: int) -> bytes:
    """The same as a JPEG of this quality, 1 to 100."""
    file = io.BytesIO()
    save_jpeg(overlay(image, found, image_size), file, quality)
    return file.getvalue()


def _draw(
    draw: ImageDraw.ImageDraw,
    found: Detection,
    text: str,
    scale: tuple[float, float],
    line: int,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    colour: str,
) -> None:
    x, y, w, h = found.box
    left, top, right, bottom = x * scale[0], y * scale[1], (x + w) * scale[0], (y + h) * scale[1]
    draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=line)
    for point_x, point_y in found.keypoints:
        centre = point_x * scale[0], point_y * scale[1]
        draw.circle(centre, 1.5 * line, fill=colour)
    box = draw.textbbox((left, top), text, font, anchor="lb")
    down = max(0.0, -box[1])  # a label that would stand above the picture stands in it
    draw.rectangle((box[0], box[1] + down, box[2], box[3] + down), fill=colour)
    draw.text((left, top + down), text, "black", font, anchor="lb")

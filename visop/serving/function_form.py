"""The form of the function service: one picture as raw bytes or base64 in, a JSON list of boxes out, all as strings.

The original is a function of DCF (https://github.com/DigitalCompanion-KETI/DCFramework) around SSD-300.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from visop.detection import Detection, Found
from visop.serving.pipeline import Input

#: What the functions were called that this operator does the work of.
ORIGINAL_NAMES = {"ssd300": ("ssd-test", "ssd-image")}


def picture_of(body: bytes) -> Input:
    """The picture in a request: text is base64, bare, with line breaks or as a data URI; anything else is the file."""
    return Input("input", body.decode("ascii") if body.isascii() else body)


def function_answer(found: Found, labels: Sequence[str]) -> str:
    """Everything that was found in the picture, the most certain first, in JSON.

    Args:
        found: in the picture.
        labels: of the processor; the number of a label among them, from 1, is its class.
    """
    numbers = {label: str(number) for number, label in enumerate(labels, 1)}
    return json.dumps([_entry(part.detection, numbers) for part in found.parts])


def _entry(found: Detection, numbers: dict[str, str]) -> dict[str, str]:
    """A part in whole pixels, as the original rounds: down. It has at least one pixel, as the box is in the picture."""
    x, y, w, h = found.box
    left, top = int(x), int(y)
    return {
        "class": numbers.get(found.label, found.label),
        "confidence": str(np.float32(found.score)),  # with as many digits as the original, which has it in float32
        "xmin": str(left),
        "ymin": str(top),
        "xmax": str(max(left + 1, int(x + w))),
        "ymax": str(max(top + 1, int(y + h))),
    }

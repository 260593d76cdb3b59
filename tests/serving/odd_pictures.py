"""Pictures of odd forms, made in code, and what came back for them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tests.conftest import make_scene
from visop.rpc import rpc_pb2

RED = (200, 0, 0)
SCENE = make_scene({RED: (10, 5, 20, 10)})


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def turned(picture: Image.Image, orientation: int) -> bytes:
    """The file of a picture that is stored otherwise, with an Exif orientation that says so."""
    exif = Image.Exif()
    exif[0x0112] = {6: 8, 8: 6}.get(orientation, orientation)  # what undoes it
    stored = ImageOps.exif_transpose(Image.open(io.BytesIO(file_of(picture, exif=exif))))
    exif[0x0112] = orientation
    return file_of(stored, exif=exif)


#: Files, and widths and heights of what they show.
ODD = {
    "1 x 1": (file_of(noise(1, 1)), (1, 1)),
    "1 x 5000": (make_scene({RED: (0, 900, 1, 100)}, (1, 5000)), (1, 5000)),
    "5000 x 1": (make_scene({RED: (4990, 0, 10, 1)}, (5000, 1)), (5000, 1)),
    "grey": (file_of(noise(40, 30).convert("L"), "JPEG"), (40, 30)),
    "grey with alpha": (file_of(noise(40, 30).convert("LA")), (40, 30)),
    "grey of 16 bits": (file_of(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40))), (40, 30)),
    "black and white": (file_of(noise(40, 30).convert("1"), "TIFF"), (40, 30)),
    "palette": (file_of(noise(40, 30).convert("P"), "GIF"), (40, 30)),
    "CMYK": (file_of(noise(40, 30).convert("CMYK"), "JPEG"), (40, 30)),
    "turned": (turned(noise(40, 30), 6), (40, 30)),
}


def crops(reply: rpc_pb2.ExecuteReply) -> Iterator[tuple[rpc_pb2.Part, Image.Image]]:
    for part in reply.parts:
        with Image.open(io.BytesIO(base64.b64decode(reply.metadata[part.crop].data))) as crop:
            crop.load()
            yield part, crop

"""Print what becomes of each format and mode: the cosine of its vector with that of the plain picture, or the refusal.

    python -m benchmarks.pictures

With the shipped encoder in f32, on three photographs of scikit-image; the smallest cosine counts. The plain picture is
a PNG in sRGB of what a browser shows. The table is that of ``docs/reference/pictures.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import skimage.data

from benchmarks.raw_engine import image_limits
from benchmarks.renditions import Pixels, refused, renditions, saved
from benchmarks.report import machine_facts, markdown_table
from visop.errors import VisopError
from visop.images.decode import decode_image
from visop.serving.operators import load_encoder
from visop.settings import Settings

_SIZE = 320, 240
# Variants that are one row: they are the same to whoever looks at the picture.
_VARIANTS = re.compile(", (little-endian|big-endian|deflated)(?=,|$)")

Encode = Callable[[bytes], Any]


def main() -> None:
    print(machine_facts(), "\n", flush=True)
    settings = Settings(
        model="embedded", precision="f32", formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    )
    operator, limits = load_encoder(settings), image_limits(settings)
    operator.load()

    def encode(data: bytes) -> Any:
        return operator.bulk_execute([decode_image(data, limits, operator.decode_side)])[0]

    photographs = [_photograph(name) for name in ("astronaut", "coffee", "chelsea")]
    rows = _cosines(photographs, encode)
    print(markdown_table(("picture", "what is done", "files", "cosine"), rows))
    print("\n")
    print(markdown_table(("picture", "refused as"), _refusals(photographs[0], encode)))


def _photograph(name: str) -> Pixels:
    return np.asarray(PIL.Image.fromarray(getattr(skimage.data, name)()).resize(_SIZE))


def _cosines(photographs: list[Pixels], encode: Encode) -> list[tuple[str, ...]]:
    found: dict[tuple[str, str], list[float]] = {}
    for rgb in photographs:
        for rendition in renditions(rgb):
            kind = f"{rendition.format}: {_VARIANTS.sub('', rendition.what)}"
            cosine = float(np.dot(encode(rendition.data), encode(saved(rendition.expected, "PNG"))))
            found.setdefault((kind, rendition.done), []).append(cosine)
    # Rounded down, so that 1.0000 is said of vectors that are equal to four places.
    return [
        (kind, done or "as it is", str(len(cosines)), f"{np.floor(min(cosines) * 1e4 + 1e-2) / 1e4:.4f}")
        for (kind, done), cosines in sorted(found.items())
    ]


def _refusals(rgb: Pixels, encode: Encode) -> list[tuple[str, ...]]:
    return [(f"{kind}: {what}", _refusal(data, encode)) for kind, what, data in refused(rgb)]


def _refusal(data: bytes, encode: Encode) -> str:
    try:
        encode(data)
    except VisopError as error:
        return str(error)
    return "**not refused**"


if __name__ == "__main__":
    main()

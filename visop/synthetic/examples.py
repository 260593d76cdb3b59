"""Write a small collection to demonstrate a search: generated pictures, some of them alike, and edited copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from visop.files import whole_file
from visop.synthetic.generate import EDITION, SERIES, generate_picture
from visop.synthetic.transformations import TRANSFORMATIONS

# The number of series, and of pictures in each series, which may share a style.
_SERIES, _EACH = 15, 3

# The transformation of the edited copy in each series.
_COPIES = ["mirror", "crop-80", "grey", "text", "border", "brighter", "jpeg-5", "caption"]
_COPIES += ["darker", "hue", "rotate-90", "blur", "contrast-half", "perspective", "stretch"]

COUNT = _SERIES * (_EACH + 1)

_SIDE = 384
_QUALITY = 90


def write_examples(folder: Path) -> Iterator[list[Path]]:
    """Write ``COUNT`` pictures, a series at a time; existing files are kept.

    Args:
        folder: created if missing; the pictures go into a subfolder named for their edition.

    Yields:
        The files of each series, as soon as they are written.
    """
    folder = folder / f"edition-{EDITION}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_SERIES):
        yield list(_write_series(folder, number))


def _write_series(folder: Path, number: int) -> Iterator[Path]:
    paths = [folder / f"picture-{number:02}{'abc'[each]}.jpg" for each in range(_EACH)]
    for each, path in enumerate(paths):
        if not path.exists():
            _save(Image.fromarray(generate_picture(number * SERIES + each, _SIDE)), path)
        yield path
    edit = TRANSFORMATIONS[_COPIES[number]]
    copy = paths[0].with_name(f"{paths[0].stem}-{edit.name}.jpg")
    if not copy.exists():
        with Image.open(paths[0]) as image:
            _save(edit.apply(image.convert("RGB"), np.random.default_rng(number)), copy)
    yield copy


def _save(image: Image.Image, path: Path) -> None:
    with whole_file(path) as file:
        image.save(file, "JPEG", quality=_QUALITY)

"""What processors of the original engine answer: parts that they cut out, of which they say no place."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from visop.detection import Detection, Unplaced
from visop.errors import ModelFailed, VisopError
from visop.images.base64_text import decode_base64
from visop.images.crops import CropOptions, jpeg_file
from visop.images.decode import ImageLimits, decode_image

_JPEG = b"\xff\xd8\xff"
_LONGEST_PATH = 4096


def kept(answer: Any) -> Any:
    """The answer with the files in place of their paths, which are about to be removed."""
    return [_file(each) for each in answer] if isinstance(answer, list | tuple) else answer


def cut_outs(answer: Any, image_size: tuple[int, int], limits: ImageLimits) -> list[Detection]:
    """The parts that a processor answers, as files or in base64, each decoded completely.

    Args:
        answer: to one picture.
        image_size: (width, height) of that picture, in pixels.
        limits: on each part.

    Raises:
        ModelFailed: it is in another form, or one of the parts is no picture.
    """
    return [_cut_out(number, each, image_size, limits) for number, each in enumerate(_listed(answer))]


def labelled(answer: Any, image_size: tuple[int, int]) -> list[Detection]:
    """The labels that it answers in place of parts. Raises as ``cut_outs``."""
    return [Unplaced(_whole(image_size), str(each)) for each in _listed(answer)]


def _cut_out(number: int, given: Any, image_size: tuple[int, int], limits: ImageLimits) -> Detection:
    try:
        file = _decoded(given, limits.max_bytes)
        image = decode_image(file, limits)
    except VisopError as error:
        raise ModelFailed(f"part {number} is no picture: {error}") from error
    if not file.startswith(_JPEG):
        file = jpeg_file(image, CropOptions().quality)
    return Unplaced(_whole(image_size), image=image, crop=file)


def _decoded(given: Any, max_bytes: int) -> bytes:
    """A file itself, or of its base64, which may be bytes, too."""
    if isinstance(given, bytes) and not given.isascii():
        return given
    if not isinstance(given, str | bytes):
        raise ModelFailed(f"{type(given).__name__}, expected a JPEG in base64")
    return decode_base64(given if isinstance(given, str) else given.decode("ascii"), max_bytes)


def _listed(answer: Any) -> list[Any]:
    """Nothing found is told as None, an empty list, or a list of None."""
    if answer is None:
        return []
    if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        raise ModelFailed(f"the answer is {type(answer).__name__}, expected a list")
    return [each for each in answer if each is not None]


def _file(given: Any) -> Any:
    is_path = isinstance(given, str | Path) and len(str(given)) <= _LONGEST_PATH and os.path.isfile(given)
    return Path(given).read_bytes() if is_path else given


def _whole(image_size: tuple[int, int]) -> tuple[float, float, float, float]:
    return 0.0, 0.0, float(image_size[0]), float(image_size[1])

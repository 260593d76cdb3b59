"""No block of a JPEG is brighter than white or darker than black, unless it is damaged."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PILImage

from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.jpeg import is_whole_jpeg
from visop.images.formats.jpeg_brightness import with_half_contrast
from visop.images.formats.jpeg_seams import may_have_seam
from visop.synthetic.generate import generate_picture

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=10_000_000, max_frames=10, formats=("JPEG", "TIFF"))
PICTURE = generate_picture(5, 256)


def jpeg(image: npt.NDArray[Any] | PILImage.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = image if isinstance(image, PILImage.Image) else PILImage.fromarray(image.astype(np.uint8))
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def moved(by: int, *, block: int = 16, restarts: bool = False) -> npt.NDArray[np.float64]:
    """A picture of little contrast that is brighter from within a row of blocks on, or only in this row."""
    image = 128 + (PICTURE[..., :3].astype(float) - 128) / 16
    image[96 : 96 + block, 80:] += by
    if not restarts:
        image[96 + block :] += by
    return image


def with_doubled_means(data: bytes) -> bytes:
    """Twice the contrast for the means of blocks, which puts what was farther than 64 from the middle out of range."""
    table = data.index(b"\xff\xdb") + 5
    return data[:table] + bytes([2 * data[table]]) + data[table + 1 :]


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}], ids=str
)
@pytest.mark.parametrize("by", [90, -90])
@pytest.mark.parametrize("side", [None, 64])
def test_a_picture_that_is_out_of_range_behind_a_block_is_refused(
    options: dict[str, Any], by: int, side: int | None
) -> None:
    block = 8 if "subsampling" in options else 16
    data = jpeg(moved(by, block=block, restarts="restart_marker_rows" in options), **options)
    assert decode_image(data, LIMITS, side).size
    with pytest.raises(ImageDecodeError, match="damaged JPEG: its compressed data are corrupt"):
        decode_image(with_doubled_means(data), LIMITS, side)


def test_grey_pictures_are_checked_too() -> None:
    data = jpeg(PILImage.fromarray(moved(90, block=8).astype(np.uint8)).convert("L"))
    with pytest.raises(ImageDecodeError, match="damaged JPEG: its compressed data are corrupt"):
        decode_image(with_doubled_means(data), LIMITS)


def test_a_strip_of_a_tiff_is_checked() -> None:
    data = jpeg(moved(90))
    assert is_whole_jpeg(data)
    assert not is_whole_jpeg(with_doubled_means(data))
    assert is_whole_jpeg(jpeg(PILImage.fromarray(PICTURE).convert("CMYK"), quality=100)) is not None


def test_only_what_is_moved_behind_a_block_is_suspected() -> None:
    whole = np.clip(moved(127), 0, 255).astype(np.uint8)
    assert may_have_seam(whole, jpeg(whole))
    for image in (PICTURE, whole[112:], np.zeros((256, 256, 3), np.uint8), whole[:20, :20]):
        assert not may_have_seam(image, jpeg(image))


@pytest.mark.parametrize("quality", [1, 10, 50, 90, 97, 100])
def test_whole_pictures_are_decoded_at_any_contrast(quality: int) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 3)) * 255
    stairs = np.where(moved(90) > 160, 255, 0)
    for image in (noise, stairs, 255 - stairs, np.zeros((32, 32, 3)), np.full((32, 32, 3), 255)):
        data = jpeg(image, quality=quality, subsampling=0)
        assert decode_image(data, LIMITS).shape == image.shape
        assert is_whole_jpeg(data)


def test_the_highest_quality_is_not_checked() -> None:
    assert with_half_contrast(jpeg(PICTURE, quality=100)) is None

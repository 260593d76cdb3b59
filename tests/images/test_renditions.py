"""One picture in every format and mode: what comes out is what a browser shows, or the picture is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image as PILImage

from benchmarks.renditions import Rendition, png, refused, renditions, saved, tiff, wide
from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings(formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")))
PHOTOGRAPH = np.asarray(PILImage.fromarray(skimage.data.astronaut()).resize((64, 48)))

# Mean difference in grey levels. What is lossy are the files, of JPEG and of five bits a sample.
CLOSE, LOSSY = 2.0, 4.0


@pytest.mark.parametrize("rendition", list(renditions(PHOTOGRAPH)), ids=str)
def test_a_rendition_is_decoded_to_what_a_browser_shows(rendition: Rendition) -> None:
    image = decode_image(rendition.data, LIMITS)
    lossy = rendition.format in ("JPEG", "AVIF") or rendition.what.startswith(("15", "16"))
    assert np.abs(image.astype(int) - rendition.expected).mean() < (LOSSY if lossy else CLOSE)


@pytest.mark.slow
def test_a_rendition_gets_the_vector_of_the_plain_picture() -> None:
    from visop.serving.operators import load_encoder

    operator = load_encoder(Settings(model="embedded", precision="f32"))
    operator.load()
    photograph = np.asarray(PILImage.fromarray(skimage.data.astronaut()).resize((320, 240)))

    def vector(data: bytes) -> Any:
        return np.asarray(operator.bulk_execute([decode_image(data, LIMITS, operator.decode_side)])[0])

    for rendition in renditions(photograph):
        plain = saved(rendition.expected, "PNG")
        assert vector(rendition.data) @ vector(plain) >= 0.99, str(rendition)


# What is refused

WORDS = {
    "TIFF grey, floating point beyond 1, not whole": "grey values from 0 to .*, which do not say what is black and",
    "TIFF grey, floating point of 64 bits": "1 sample of 64 bits, floating point",
    "TIFF grey, 32 bits, signed, below 0": "grey values from -100 to .*, which do not say",
    "TIFF grey, 32 bits, 65,536 to half of the range": "grey values from 0 to .*, which do not say",
    "TIFF grey, 8 bits, signed": "signed samples of 8 bits",
    "TIFF RGB, floating point": "3 samples of 32 bits, floating point",
    "TIFF RGB, 12 of 16 bits used": "TIFF in RGB with 12 of 16 bits used",
    "TIFF grey and alpha, 16 bits": "2 samples of 16 bits",
    "TIFF grey and alpha, separate planes": "separate planes in LA of 8 bits",
    "TIFF CIE Lab, separate planes": "separate planes in LAB of 8 bits",
    "TIFF YCbCr, separate planes": "separate planes in YCbCr of 8 bits",
    "TIFF YCbCr, colour at half the width and height": "YCbCr with fewer samples of colour, uncompressed",
    "TIFF ICC Lab": "3 samples of 8 bits",
    "PNG HDR (PQ)": r"HDR \(PQ\)",
    "PNG HDR (HLG)": r"HDR \(HLG\)",
}
REFUSED = {f"{kind} {what}": data for kind, what, data in refused(PHOTOGRAPH)}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_become_another_picture_is_refused_in_words_that_say_what_it_is(what: str) -> None:
    with pytest.raises(ImageDecodeError, match=WORDS[what]):
        decode_image(REFUSED[what], LIMITS)


def test_a_largest_value_that_is_mere_statistics_does_not_change_the_picture() -> None:
    """Some programs write the largest value that occurs."""
    samples = wide(PHOTOGRAPH[..., 0]) // 3
    for value in (int(samples.max()), 1023):
        data = tiff(samples, photometric="minisblack", extratags=[(281, "H", 1, value, True)])
        np.testing.assert_array_equal(decode_image(data, LIMITS)[..., 0], samples >> 8)


# The palest and the darkest


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.0], [0, 0]),
        ([0.25, 1.0], [64, 255]),
        ([-0.02, 1.04], [0, 255]),
        ([np.nan, np.inf], [0, 0]),
        ([0, 9], [0, 9]),
    ],
)
def test_floating_point_keeps_its_values_and_is_not_spread_over_the_range(values: Any, expected: list[int]) -> None:
    image = decode_image(tiff(np.array([values], np.float32), photometric="minisblack"), LIMITS)
    assert image[0, :, 0].tolist() == expected


def test_four_logos_on_transparency_are_four_pictures() -> None:
    # The colour below the transparent pixels is the same black as the logo: only alpha shows its shape.
    shapes = [np.zeros((32, 32), np.uint8) for _ in range(4)]
    for number, shape in enumerate(shapes):
        shape[number * 8 : number * 8 + 8] = 255
    files = [png(np.dstack([np.zeros((32, 32, 3), np.uint8), shape]), 8, 6) for shape in shapes]
    images = [decode_image(file, LIMITS) for file in files]
    assert [(image[..., 0] == 0).sum() for image in images] == [256] * 4
    assert len({image.tobytes() for image in images}) == 4


def test_an_opaque_alpha_changes_no_bit() -> None:
    opaque = np.dstack([PHOTOGRAPH, np.full(PHOTOGRAPH.shape[:2], 255, np.uint8)])
    assert (decode_image(png(opaque, 8, 6), LIMITS) == PHOTOGRAPH).all()
    assert (decode_image(png(wide(opaque), 16, 6), LIMITS) == PHOTOGRAPH).all()


def test_what_the_first_frame_of_a_gif_leaves_free_is_white() -> None:
    data = bytearray(saved(PILImage.new("L", (8, 8), 0), "GIF"))
    data[6:10] = (16).to_bytes(2, "little") * 2
    image = decode_image(bytes(data), LIMITS)
    assert image[:8, :8].max() == 0
    assert image[8:].min() == 255
    assert image[:, 8:].min() == 255

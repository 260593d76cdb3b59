"""Pictures are turned upright by their Exif, and measured as they are turned."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageFile, ImageOps

from benchmarks.renditions import chunk, png, saved, tiff
from visop.images.decode import ImageLimits, decode_image
from visop.images.thumbnail import as_file, size_of
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings(formats=("JPEG", "PNG", "WEBP", "TIFF", "MPO")))
WIDE = np.zeros((20, 30, 3), np.uint8)
WIDE[:10, :15] = (250, 0, 0)  # the first corner is red

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def exif(orientation: int) -> bytes:
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + bytes(7)


def upright(orientation: int) -> np.ndarray:
    """The reference is Pillow's own function, on a picture that was not written to a file."""
    picture = PILImage.fromarray(WIDE)
    picture.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(picture))


FILES = {
    "PNG": lambda value: png(WIDE, 8, 2, chunk(b"eXIf", exif(value))),
    "PNG, after the pixels": lambda value: png(WIDE, 8, 2, after=chunk(b"eXIf", exif(value))),
    "JPEG": lambda value: saved(WIDE, "JPEG", quality=100, subsampling=0, exif=b"Exif\0\0" + exif(value)),
    "MPO": lambda value: saved(
        WIDE,
        "MPO",
        quality=100,
        subsampling=0,
        save_all=True,
        append_images=[PILImage.fromarray(WIDE)],
        exif=b"Exif\0\0" + exif(value),
    ),
    "WebP": lambda value: saved(WIDE, "WEBP", lossless=True, exif=exif(value)),
    "TIFF": lambda value: tiff(WIDE, photometric="rgb", extratags=[(274, 3, 1, value, True)]),
    "TIFF, deflated": lambda value: tiff(WIDE, photometric="rgb", compression=8, extratags=[(274, 3, 1, value, True)]),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_and_its_size_is_that_of_what_is_decoded(kind: str, orientation: int) -> None:
    data = FILES[kind](orientation)
    image = decode_image(data, LIMITS)
    assert np.abs(image.astype(int) - upright(orientation)).max() <= (8 if kind in ("JPEG", "MPO") else 0)
    assert size_of(data) == (image.shape[1], image.shape[0])


@pytest.mark.parametrize(
    "data",
    [
        saved(WIDE, "JPEG", xmp=XMP),
        saved(WIDE, "WEBP", lossless=True, xmp=XMP),
        png(WIDE, 8, 2, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
        tiff(WIDE, photometric="rgb", extratags=[(700, 1, len(XMP), XMP, True)]),
    ],
    ids=["JPEG", "WebP", "PNG", "TIFF"],
)
def test_an_orientation_in_xmp_turns_nothing_as_in_browsers(data: bytes) -> None:
    assert decode_image(data, LIMITS).shape == (20, 30, 3)
    assert size_of(data) == (30, 20)


def test_the_first_of_two_orientations_counts() -> None:
    data = png(WIDE, 8, 2, chunk(b"eXIf", exif(6)), after=chunk(b"eXIf", exif(1)))
    assert decode_image(data, LIMITS).shape == (30, 20, 3)
    assert size_of(data) == (20, 30)


def test_the_size_is_read_without_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [FILES[kind](6) for kind in FILES]
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    assert {size_of(data) for data in files} == {(20, 30)}


def test_the_size_is_not_read_by_readers_of_formats_that_are_never_accepted() -> None:
    assert size_of(saved(WIDE, "EPS")) == (0, 0)


def test_an_image_of_pillow_becomes_a_file_of_what_is_seen_of_it() -> None:
    picture = PILImage.fromarray(np.dstack([WIDE, np.zeros((20, 30), np.uint8)]))
    picture.info["exif"] = exif(6)
    shown = decode_image(as_file(picture), LIMITS)
    assert shown.shape == (30, 20, 3)
    assert shown.min() == 255

"""Have Pillow read the samples of a TIFF as they are meant, and refuse the layouts that it reads wrongly.

Found by comparing Pillow 13 with tifffile for every photometric interpretation, sample format, number of bits, byte
order, planar configuration and extra sample.
"""

from __future__ import annotations

from typing import Any

from PIL import TiffImagePlugin

from visop.images.formats.not_decoded import not_decoded

_II, _MM = b"II", b"MM"
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 258, 262, 284, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_SEPARATE_PLANES = 2
_SIGNED = 2
_MAX_SAMPLE_VALUE = 281
_SUBSAMPLING, _HALVED = 530, (2, 2)  # what holds where the tag is missing

# Grey that Pillow has the means to read, but does not list: (byte order, photometric interpretation, sample format,
# fill order, bits, extra samples) -> (mode, raw mode). ``visop.images.colours.grey`` turns white to 255 afterwards.
_MORE_GREY: dict[Any, tuple[str, str]] = {
    (_MM, _WHITE_IS_ZERO, (1,), 1, (16,), ()): ("I;16B", "I;16B"),
    (_II, _WHITE_IS_ZERO, (1,), 1, (12,), ()): ("I;16", "I;12"),
    (_MM, _WHITE_IS_ZERO, (1,), 1, (12,), ()): ("I;16", "I;12"),
    (_MM, _BLACK_IS_ZERO, (1,), 1, (12,), ()): ("I;16", "I;12"),
}
TiffImagePlugin.OPEN_INFO.update(_MORE_GREY)

# libtiff hands over samples in the byte order of the machine. Pillow knows this only of unsigned ones.
_IN_NATIVE_ORDER = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}

# Pillow drops the lower 8 of 16 bits in these.
_OF_EIGHT_BITS = ("RGB", "RGBA", "RGBX", "CMYK")

_NO_PLANES = ("LA", "La", "LAB", "PA")

# The planes that Pillow can read when they are not compressed, by mode.
_PLANES = {("RGB", 8): "RGB", ("RGB", 16): "RGB", ("RGBA", 8): "RGBA", ("RGBA", 16): "RGBA", ("CMYK", 8): "CMYK"}


def prepare_tiff(image: Any) -> None:
    """Mend an opened TIFF before it is loaded.

    Raises:
        ImageDecodeError: its samples would be read as others than they are.
    """
    # Pillow would turn the picture by the orientation in XMP when it loads it; browsers and viewers do not.
    image.info.pop("xmp", None)
    tags = image.tag_v2
    bits = tags.get(_BITS_PER_SAMPLE, (1,))[0]
    if bits == 8 and _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise not_decoded("a TIFF with signed samples of 8 bits")
    if image.mode == "YCbCr" and tags.get(_SUBSAMPLING, _HALVED) != (1, 1):
        raise not_decoded("a TIFF of YCbCr with fewer samples of colour, uncompressed")
    if bits == 16 and image.mode in _OF_EIGHT_BITS and used_bits(tags) < 16:
        raise not_decoded(f"a TIFF in {image.mode} with {used_bits(tags)} of 16 bits used")
    separate = tags.get(_PLANAR) == _SEPARATE_PLANES and len(image.getbands()) > 1
    if separate:
        _check_planes(image, bits)
    suffix = f";16{'L' if tags.prefix == _II else 'B'}" if separate and bits == 16 else ""
    image.tile = [tile._replace(args=_mended(tile, suffix)) for tile in image.tile]


def used_bits(tags: Any) -> int:
    """Return how many of 16 bits are used: cameras of 10, 12 or 14 bits say so by the largest value that there can be.

    The tag is meant for statistics (TIFF 6.0, section 8), so any other value says nothing.
    """
    values = tags.get(_MAX_SAMPLE_VALUE, (0,))
    largest = max(values) if isinstance(values, tuple) else values
    return next((bits for bits in range(9, 16) if largest == 2**bits - 1), 16)


def _check_planes(image: Any, bits: int) -> None:
    raws = {tile.args[0] for tile in image.tile if tile.codec_name != "libtiff"}
    if image.mode in _NO_PLANES or not raws <= set(_PLANES.get((image.mode, bits), "")):
        raise not_decoded(f"a TIFF with separate planes in {image.mode} of {bits} bits")


def _mended(tile: Any, suffix: str) -> tuple[Any, ...]:
    """Return the arguments of a decoder with the right raw mode; Pillow forgets that a plane may have 16 bits."""
    raw, *others = tile.args
    if tile.codec_name == "libtiff":
        return (_IN_NATIVE_ORDER.get(raw, raw), *others)
    return (raw + suffix, *others)

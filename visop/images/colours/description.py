"""Read what the file of a picture says about its colours, as browsers do.

An ICC profile, in any format; in a PNG also the chunks cICP, sRGB, gAMA and cHRM (PNG specification, section 4.3, in
this order, with the profile after cICP); in an AVIF or HEIC the code points of the ``colr`` box. A picture that says
nothing is sRGB. What is said only after the pixels of a PNG does not count.
"""

from __future__ import annotations

import struct

import PIL.Image

from visop.images.colours.profiles import Gamut, coded_profile, gamma_curve, rgb_profile
from visop.images.formats.not_decoded import not_decoded
from visop.images.formats.png_chunks import find_chunk

_CICP_BYTES, _GAMA_BYTES, _CHRM_BYTES = 4, 4, 32
_FULL_RANGE = 1
_GAMMA_OF_SRGB = range(45_000, 46_000)  # 1 / 2.2 in 100,000ths, which programs round in several ways

# The box of an AVIF or HEIC, and where it must begin.
_COLOUR_BOX = b"colrnclx"
_COLOUR_BOX_WITHIN = 64 * 1024

# Transfer characteristics (ITU-T H.273, table 3). Chromium shows those of BT.709 as sRGB in an AVIF, but not in a PNG.
_HDR = {16: "PQ", 18: "HLG"}
_AS_BT709, _SRGB = (1, 6, 14, 15), 13


def profile_of(image: PIL.Image.Image, data: bytes) -> bytes | None:
    """Return the ICC profile of a picture, or one that says the same as other parts of its file.

    Args:
        image: opened but not loaded; when it is loaded, Pillow adds what stands after the pixels.
        data: its file.

    Returns:
        The profile, which may be broken or made for other channels; None for sRGB.

    Raises:
        ImageDecodeError: the picture is HDR without a profile; programs do not agree on how to show it.
    """
    embedded = image.info.get("icc_profile")
    embedded = embedded if isinstance(embedded, bytes) else None  # a text in a PNG may be called so
    if image.format == "PNG":
        codes = _codes_of_png(data)
        profile = _coded(codes) or embedded or _profile_of_gamma(data)
    else:
        codes = _codes_of_box(data) if image.format in ("AVIF", "HEIF") else None
        profile = embedded or _coded(codes)
    if not profile and codes and codes[1] in _HDR:
        raise not_decoded(f"HDR ({_HDR[codes[1]]})", "convert it to sRGB")
    return profile or None


def _coded(codes: tuple[int, int] | None) -> bytes | None:
    return coded_profile(*codes) if codes else None


def _codes_of_png(data: bytes) -> tuple[int, int] | None:
    """Return primaries and transfer of a cICP chunk. Browsers ignore one that is not of full range."""
    body = find_chunk(data, b"cICP", before_pixels=True)
    return (body[0], body[1]) if len(body) == _CICP_BYTES and body[3] == _FULL_RANGE else None


def _codes_of_box(data: bytes) -> tuple[int, int] | None:
    """Return primaries and transfer of the first ``colr`` box with code points."""
    start = data.find(_COLOUR_BOX, 0, _COLOUR_BOX_WITHIN)
    if start < 0 or start + len(_COLOUR_BOX) + 4 > len(data):
        return None
    primaries, transfer = struct.unpack_from(">HH", data, start + len(_COLOUR_BOX))
    return primaries, _SRGB if transfer in _AS_BT709 else transfer


def _profile_of_gamma(data: bytes) -> bytes | None:
    """Build a profile of gAMA, and of cHRM beside it. Browsers ignore a cHRM alone, and both beside sRGB."""
    gamma, points = (find_chunk(data, kind, before_pixels=True) for kind in (b"gAMA", b"cHRM"))
    if len(gamma) != _GAMA_BYTES or find_chunk(data, b"sRGB", before_pixels=True):
        return None
    value = int.from_bytes(gamma)
    if value in _GAMMA_OF_SRGB and not points:
        return None
    try:
        return rgb_profile(_gamut_of(points), gamma_curve(100_000 / value))
    except (ArithmeticError, ValueError, struct.error):  # impossible numbers
        return None


def _gamut_of(body: bytes) -> Gamut:
    if len(body) != _CHRM_BYTES:
        return Gamut()
    numbers = [value / 100_000 for value in struct.unpack(">8L", body)]
    white, *primaries = zip(numbers[::2], numbers[1::2], strict=True)
    return Gamut(white, primaries)

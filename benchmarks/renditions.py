"""Make one picture in every format and mode, with what a browser shows of it, worked out without Pillow.

TIFF files are written by tifffile, PNG and BMP files here. What transparent pictures look like on white, and how sRGB
colours are written in another colour space, is computed with NumPy.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import tifffile

from visop.images.colours.profiles import Gamut, gamma_curve, rgb_profile

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Rendition:
    """A picture in one form.

    Attributes:
        format: by Pillow's name.
        what: the form, in a few words.
        data: the file.
        expected: (H, W, 3) uint8, what a browser shows.
        done: what visop does, in a few words.
    """

    format: str
    what: str
    data: bytes
    expected: Pixels
    done: str = ""

    def __str__(self) -> str:
        """Name the rendition in the report of a test."""
        return f"{self.format} {self.what}"


def renditions(rgb: Pixels) -> Iterator[Rendition]:
    """Make the renditions of a picture, (H, W, 3) uint8."""
    for make in (_plain, _transparent, _deep_png, _few_bits, _spaces, _coded, _grey_tiff, _colour_tiff, _bmp):
        yield from make(rgb)


# Files


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def png(samples: Pixels, bits: int, colour_type: int, chunks: bytes = b"", after: bytes = b"") -> bytes:
    """Write samples, (H, W) or (H, W, channels), as a PNG.

    Args:
        samples: unsigned, each of ``bits`` bits.
        bits: 1, 2, 4, 8 or 16.
        colour_type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.
        chunks: to be written before the pixels.
        after: to be written after the pixels.
    """
    height, width = samples.shape[:2]
    header = struct.pack(">LLBBBBB", width, height, bits, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + _packed(row, bits) for row in samples.reshape(height, -1))
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + pixels + after + chunk(b"IEND", b"")


def _packed(row: Pixels, bits: int) -> bytes:
    if bits >= 8:
        return row.astype(f">u{bits // 8}").tobytes()
    return np.packbits(np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, -bits:]).tobytes()


def tiff(samples: Pixels, **options: Any) -> bytes:
    """Write samples as a TIFF, with the options of tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **options)
    return file.getvalue()


def bmp(samples: Pixels, masks: tuple[int, ...], header_bytes: int = 108) -> bytes:
    """Write pixels, (H, W) uint16 or uint32, as a BMP with masks for red, green, blue and perhaps alpha."""
    height, width = samples.shape
    bits = samples.itemsize * 8
    pixels = samples[::-1].astype(f"<u{samples.itemsize}").tobytes()  # rows from below; the width must be even
    header = struct.pack("<LllHHLLllLL", header_bytes, width, height, 1, bits, 3, len(pixels), 2835, 2835, 0, 0)
    header = (header + struct.pack(f"<{len(masks)}L", *masks)).ljust(header_bytes, b"\0")
    start = 14 + len(header)
    return b"BM" + struct.pack("<LHHL", start + len(pixels), 0, 0, start) + header + pixels


def saved(picture: Pixels | PIL.Image.Image, kind: str, **options: Any) -> bytes:
    """Write a picture with Pillow."""
    file = io.BytesIO()
    (picture if isinstance(picture, PIL.Image.Image) else PIL.Image.fromarray(picture)).save(file, kind, **options)
    return file.getvalue()


# Pictures


def luma(rgb: Pixels) -> Pixels:
    """Return the grey of a picture, (H, W) uint8."""
    return np.asarray(np.rint(rgb @ [0.299, 0.587, 0.114]), np.uint8)


def triple(grey: Pixels) -> Pixels:
    """Return grey as RGB."""
    return np.stack([grey] * 3, axis=-1)


def gradient(rgb: Pixels) -> Pixels:
    """Return an alpha from 0 at the left to 255 at the right."""
    return np.broadcast_to(np.linspace(0, 255, rgb.shape[1]).astype(np.uint8), rgb.shape[:2])


def over_white(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Compose on white."""
    share = alpha[..., None] / 255
    return np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)


def wide(samples: Pixels) -> Pixels:
    """Spread 8 bits over 16."""
    return samples.astype(np.uint16) * 257


# Colour spaces: matrices from linear sRGB, of CSS Color 4 and ITU-R BT.2087, and how linear light is encoded.


def _srgb_to_linear(values: Pixels) -> Pixels:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(values: Pixels) -> Pixels:
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def _power(exponent: float) -> Callable[[Pixels], Pixels]:
    return lambda values: values ** (1 / exponent)


_SRGB = np.eye(3)
_TO_P3 = np.array([[0.82246, 0.17754, 0.0], [0.03319, 0.96681, 0.0], [0.01708, 0.07240, 0.91052]])
_TO_ADOBE = np.array([[0.71513, 0.28487, 0.0], [0.0, 1.0, 0.0], [0.0, 0.04117, 0.95883]])
_TO_PROPHOTO = np.array([[0.52928, 0.33015, 0.14056], [0.09837, 0.87347, 0.02816], [0.01688, 0.11766, 0.86546]])
_TO_BT2020 = np.array([[0.62740, 0.32928, 0.04331], [0.06910, 0.91954, 0.01136], [0.01639, 0.08801, 0.89560]])


def encoded_in(rgb: Pixels, matrix: Pixels, encode: Callable[[Pixels], Pixels]) -> Pixels:
    """Write sRGB colours in another space, as floats from 0 to 1."""
    return np.asarray(encode(np.clip(_srgb_to_linear(rgb / 255) @ matrix.T, 0, 1)))


_P3 = Gamut(primaries=((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)))
_ADOBE = Gamut(primaries=((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)))
_PROPHOTO = Gamut((0.3457, 0.3585), ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)))

# Name, matrix, encoding, profile.
SPACES = (
    ("Display P3", _TO_P3, _power(2.2), rgb_profile(_P3, gamma_curve(2.2))),
    ("Adobe RGB", _TO_ADOBE, _power(563 / 256), rgb_profile(_ADOBE, gamma_curve(563 / 256))),
    ("ProPhoto RGB", _TO_PROPHOTO, _power(1.8), rgb_profile(_PROPHOTO, gamma_curve(1.8))),
    ("linear light", _SRGB, _power(1.0), rgb_profile(Gamut(), gamma_curve(1.0))),
)


def eight_bit(values: Pixels) -> Pixels:
    """Bring 0 to 1 to 8 bits."""
    return np.asarray(np.rint(values * 255), np.uint8)


# Renditions

_JPEG: dict[str, Any] = {"quality": 97, "subsampling": 0}
_AVIF: dict[str, Any] = {"quality": 98, "subsampling": "4:4:4", "speed": 9}


def _plain(rgb: Pixels) -> Iterator[Rendition]:
    for kind, options in (("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        yield Rendition(kind, "RGB", saved(rgb, kind, **options), rgb)
    yield Rendition("JPEG", "RGB", saved(rgb, "JPEG", **_JPEG), rgb)
    yield Rendition("AVIF", "RGB", saved(rgb, "AVIF", **_AVIF), rgb)
    grey = luma(rgb)
    for kind in ("PNG", "TIFF", "BMP"):
        yield Rendition(kind, "grey", saved(grey, kind), triple(grey))
    yield Rendition("JPEG", "grey", saved(grey, "JPEG", quality=95), triple(grey))
    cmyk = np.dstack([255 - rgb, np.zeros_like(grey)])
    for kind in ("JPEG", "TIFF"):
        picture = PIL.Image.frombytes("CMYK", (rgb.shape[1], rgb.shape[0]), cmyk.tobytes())
        yield Rendition(kind, "CMYK", saved(picture, kind, **({"quality": 97} if kind == "JPEG" else {})), rgb)


def _transparent(rgb: Pixels) -> Iterator[Rendition]:
    alpha, grey = gradient(rgb), luma(rgb)
    rgba, la = np.dstack([rgb, alpha]), np.dstack([grey, alpha])
    seen, seen_grey, done = over_white(rgb, alpha), over_white(triple(grey), alpha), "composed on white"
    yield Rendition("PNG", "RGB and alpha", png(rgba, 8, 6), seen, done)
    yield Rendition("PNG", "RGB and alpha, 16 bits", png(wide(rgba), 16, 6), seen, done)
    yield Rendition("PNG", "grey and alpha", png(la, 8, 4), seen_grey, done)
    yield Rendition("PNG", "grey and alpha, 16 bits", png(wide(la), 16, 4), seen_grey, done)
    yield Rendition("WEBP", "RGB and alpha", saved(rgba, "WEBP", lossless=True, exact=True), seen, done)
    yield Rendition("AVIF", "RGB and alpha", saved(rgba, "AVIF", **_AVIF), seen, done)
    yield Rendition("BMP", "32 bits", saved(rgba, "BMP"), rgb)  # the fourth byte has no meaning
    for kind, name in (("unassalpha", "alpha"), ("assocalpha", "premultiplied alpha")):
        share = alpha[..., None] / 255 if kind == "assocalpha" else 1
        colours, greys = np.rint(rgb * share).astype(np.uint8), np.rint(triple(grey) * share).astype(np.uint8)
        options: dict[str, Any] = {"extrasamples": [kind]}
        file = np.dstack([colours, alpha])
        yield Rendition("TIFF", f"RGB and {name}", tiff(file, photometric="rgb", **options), seen, done)
        yield Rendition("TIFF", f"RGB and {name}, 16 bits", tiff(wide(file), photometric="rgb", **options), seen, done)
        file = np.dstack([greys[..., 0], alpha])
        yield Rendition("TIFF", f"grey and {name}", tiff(file, photometric="minisblack", **options), seen_grey, done)
    yield from _palettes(rgb)


def _palettes(rgb: Pixels) -> Iterator[Rendition]:
    """A palette of 15 greys, of which one, or each to a degree, is transparent."""
    index = luma(rgb) // 18
    greys = np.arange(15, dtype=np.uint8) * 18
    palette = triple(greys).tobytes()
    alphas = np.linspace(0, 255, 15).astype(np.uint8)
    shown = triple(greys[index])
    one = np.where(np.arange(15) == 7, 0, 255)
    plte = chunk(b"PLTE", palette)
    yield Rendition("PNG", "palette", png(index, 8, 3, plte), shown)
    done = "composed on white"
    for bits in (4, 8):
        by_degrees = png(index, bits, 3, plte + chunk(b"tRNS", alphas.tobytes()))
        yield Rendition("PNG", f"palette of {bits} bits with alpha", by_degrees, over_white(shown, alphas[index]), done)
    entry = png(index, 8, 3, plte + chunk(b"tRNS", one.astype(np.uint8).tobytes()))
    yield Rendition("PNG", "palette with a transparent entry", entry, over_white(shown, one[index]), done)
    picture = PIL.Image.fromarray(index)
    picture.putpalette(palette)
    yield Rendition("GIF", "palette", saved(picture, "GIF"), shown)
    gif = saved(picture, "GIF", transparency=7)
    yield Rendition("GIF", "palette with a transparent entry", gif, over_white(shown, one[index]), done)


def _deep_png(rgb: Pixels) -> Iterator[Rendition]:
    grey = luma(rgb)
    scaled = "scaled to 8 bits"
    yield Rendition("PNG", "RGB, 16 bits", png(wide(rgb), 16, 2), rgb, scaled)
    yield Rendition("PNG", "grey, 16 bits", png(wide(grey), 16, 0), triple(grey), scaled)
    key = int(np.median(grey))
    opaque = np.where(grey == key, 0, 255)
    file = png(wide(grey), 16, 0, chunk(b"tRNS", struct.pack(">H", key * 257)))
    yield Rendition("PNG", "grey, 16 bits, one transparent", file, over_white(triple(grey), opaque), scaled)
    file = png(grey, 8, 0, chunk(b"tRNS", struct.pack(">H", key)))
    yield Rendition("PNG", "grey, one transparent", file, over_white(triple(grey), opaque), "composed on white")
    colour = np.where(opaque[..., None] == 0, np.array([9, 8, 7], np.uint8), rgb)
    for bits, factor, samples in ((8, 1, colour), (16, 257, wide(colour))):
        file = png(samples, bits, 2, chunk(b"tRNS", struct.pack(">3H", 9 * factor, 8 * factor, 7 * factor)))
        yield Rendition(
            "PNG", f"RGB, {bits} bits, one transparent", file, over_white(colour, opaque), "composed on white"
        )


def _few_bits(rgb: Pixels) -> Iterator[Rendition]:
    for bits in (1, 2, 4):
        samples = luma(rgb) >> (8 - bits)
        shown = triple(samples * np.uint8(255 // (2**bits - 1)))
        yield Rendition("PNG", f"grey, {bits} bits", png(samples, bits, 0), shown)
        for key in (0, 2**bits - 1):
            file = png(samples, bits, 0, chunk(b"tRNS", struct.pack(">H", key)))
            seen = over_white(shown, np.where(samples == key, 0, 255))
            yield Rendition("PNG", f"grey, {bits} bits, {key} transparent", file, seen, "composed on white")


def _spaces(rgb: Pixels) -> Iterator[Rendition]:
    lossless: dict[str, dict[str, Any]] = {"JPEG": _JPEG, "WEBP": {"lossless": True}, "AVIF": _AVIF}
    for name, matrix, encode, profile in SPACES:
        values = encoded_in(rgb, matrix, encode)
        samples, done = eight_bit(values), "converted to sRGB"
        for kind in ("AVIF", "JPEG", "PNG", "TIFF", "WEBP"):
            options = lossless.get(kind, {})
            file = saved(samples, kind, icc_profile=profile, **options)
            yield Rendition(kind, f"RGB, profile of {name}", file, rgb, done)
        deep = np.rint(values * 65535).astype(np.uint16)
        file = tiff(deep, photometric="rgb", iccprofile=profile)
        yield Rendition("TIFF", f"RGB, 16 bits, profile of {name}", file, rgb, done)


def _coded(rgb: Pixels) -> Iterator[Rendition]:
    """PNG files that say their colours in chunks."""
    linear, done = eight_bit(_srgb_to_linear(rgb / 255)), "converted to sRGB"
    gamma = chunk(b"gAMA", struct.pack(">L", 100_000))
    yield Rendition("PNG", "RGB, gAMA", png(linear, 8, 2, gamma), rgb, done)
    yield Rendition("PNG", "grey, gAMA", png(linear[..., 1], 8, 0, gamma), triple(rgb[..., 1]), done)
    yield Rendition("PNG", "RGB, sRGB beside gAMA", png(rgb, 8, 2, chunk(b"sRGB", b"\0") + gamma), rgb)
    for name, code, matrix in (("Display P3", 12, _TO_P3), ("BT.2020", 9, _TO_BT2020)):
        samples = eight_bit(encoded_in(rgb, matrix, _linear_to_srgb))
        yield Rendition(
            "PNG", f"RGB, cICP of {name}", png(samples, 8, 2, chunk(b"cICP", bytes([code, 13, 0, 1]))), rgb, done
        )
    points = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
    chunks = chunk(b"gAMA", struct.pack(">L", 45455)) + chunk(
        b"cHRM", struct.pack(">8L", *(round(value * 100_000) for value in points))
    )
    samples = eight_bit(encoded_in(rgb, _TO_P3, _power(2.2)))
    yield Rendition("PNG", "RGB, gAMA and cHRM of Display P3", png(samples, 8, 2, chunks), rgb, done)


def _grey_tiff(rgb: Pixels) -> Iterator[Rendition]:
    grey = luma(rgb)
    forms: tuple[tuple[str, Pixels, Any], ...] = (
        ("8 bits", grey, 255),
        ("16 bits", wide(grey), 65535),
        ("floating point, 0 to 1", (grey / 255).astype(np.float32), 1),
        ("floating point, 0 to 255", grey.astype(np.float32), 255),
        ("32 bits, signed, 0 to 65535", wide(grey).astype(np.int32), None),
        ("16 bits, signed, 0 to 32767", (wide(grey) // 2).astype(np.int16), None),
    )
    for what, samples, white in forms:
        for order, name in (("<", "little-endian"), (">", "big-endian")):
            for compression in (None, "zlib"):
                options: dict[str, Any] = {"byteorder": order, "compression": compression}
                where = f"{name}, deflated" if compression else name
                file = tiff(samples, photometric="minisblack", **options)
                yield Rendition("TIFF", f"grey, {what}, {where}", file, triple(grey), "scaled to 8 bits")
                if white:
                    inverted = (white - samples).astype(samples.dtype)
                    file = tiff(inverted, photometric="miniswhite", **options)
                    yield Rendition("TIFF", f"grey, {what}, white is 0, {where}", file, triple(grey), "inverted")

    for bits in (10, 12, 14):
        file = tiff(wide(grey) >> (16 - bits), photometric="minisblack", extratags=[largest_value(bits, 1)])
        yield Rendition("TIFF", f"grey, {bits} of 16 bits used", file, triple(grey), "scaled to 8 bits")


def largest_value(bits: int, samples: int) -> tuple[int, str, int, Any, bool]:
    """Return the tag MaxSampleValue for so many bits, as tifffile takes it."""
    value = 2**bits - 1
    return 281, "H", samples, value if samples == 1 else (value,) * samples, True


def _colour_tiff(rgb: Pixels) -> Iterator[Rendition]:
    for bits, samples in ((8, rgb), (16, wide(rgb))):
        for order, name in (("<", "little-endian"), (">", "big-endian")):
            for compression in (None, "zlib"):
                options: dict[str, Any] = {"photometric": "rgb", "byteorder": order, "compression": compression}
                where = f"{name}, deflated" if compression else name
                yield Rendition("TIFF", f"RGB, {bits} bits, {where}", tiff(samples, **options), rgb)
                planes = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
                file = tiff(planes, planarconfig="separate", **options)
                yield Rendition("TIFF", f"RGB, {bits} bits, separate planes, {where}", file, rgb)
                file = tiff(planes, planarconfig="separate", tile=(16, 16), **options)
                yield Rendition("TIFF", f"RGB, {bits} bits, tiles of separate planes, {where}", file, rgb)
        file = tiff(samples, photometric="rgb", compression="zlib", predictor=True)
        yield Rendition("TIFF", f"RGB, {bits} bits, predictor", file, rgb)
    picture = PIL.Image.fromarray(rgb).convert("YCbCr")
    yield Rendition("TIFF", "YCbCr", tiff(np.asarray(picture), photometric="ycbcr", subsampling=(1, 1)), rgb)
    yield Rendition("TIFF", "CIE Lab", tiff(_lab(rgb), photometric="cielab"), rgb, "converted to sRGB")


def _lab(rgb: Pixels) -> Pixels:
    """Convert to CIE Lab of D50 in 8 bits, a and b signed (TIFF 6.0, section 23)."""
    to_xyz = np.array([[0.43607, 0.38515, 0.14308], [0.22249, 0.71689, 0.06062], [0.01392, 0.09708, 0.71410]])
    ratio = _srgb_to_linear(rgb / 255) @ to_xyz.T / [0.9642, 1.0, 0.8249]
    x, y, z = np.moveaxis(np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116), 2, 0)
    light, a, b = (116 * y - 16) * 2.55, 500 * (x - y), 200 * (y - z)
    return np.dstack([np.rint(light), np.rint(a) % 256, np.rint(b) % 256]).astype(np.uint8)


def _bmp(rgb: Pixels) -> Iterator[Rendition]:
    red, green, blue = np.moveaxis(rgb.astype(np.uint32), 2, 0)
    fives = ((red >> 3) << 10 | (green >> 3) << 5 | blue >> 3).astype(np.uint16)
    yield Rendition("BMP", "16 bits", bmp(fives, (0x7C00, 0x3E0, 0x1F)), rgb)
    alpha = gradient(rgb)
    whole = red << 16 | green << 8 | blue | alpha.astype(np.uint32) << 24
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield Rendition("BMP", "32 bits and alpha", bmp(whole, masks), over_white(rgb, alpha), "composed on white")
    yield Rendition("BMP", "32 bits without alpha", bmp(whole, (*masks[:3], 0)), rgb)
    half = np.where(alpha > 127, 255, 0)
    file = bmp((fives | (half > 0) * np.uint16(0x8000)).astype(np.uint16), (0x7C00, 0x3E0, 0x1F, 0x8000))
    yield Rendition("BMP", "15 bits and alpha", file, over_white(rgb, half), "composed on white")


# What is refused


def refused(rgb: Pixels) -> Iterator[tuple[str, str, bytes]]:
    """Make files whose samples mean nothing certain, or are read by no program: format, what it is, the file."""
    grey = luma(rgb)
    pairs, planes = np.dstack([grey, gradient(rgb)]), np.ascontiguousarray(np.moveaxis(rgb, 2, 0))
    grey_forms = (
        ("floating point beyond 1, not whole", grey * np.float32(3.7)),
        ("floating point of 64 bits", grey / 255),
        ("32 bits, signed, below 0", grey.astype(np.int32) - 100),
        ("32 bits, 65,536 to half of the range", grey.astype(np.uint32) * 1000),
        ("8 bits, signed", grey.astype(np.int8)),
    )
    for what, samples in grey_forms:
        yield "TIFF", f"grey, {what}", tiff(samples, photometric="minisblack")
    yield "TIFF", "RGB, floating point", tiff((rgb / 255).astype(np.float32), photometric="rgb")
    file = tiff(wide(rgb) >> 4, photometric="rgb", extratags=[largest_value(12, 3)])
    yield "TIFF", "RGB, 12 of 16 bits used", file
    deep = tiff(wide(pairs), photometric="minisblack", extrasamples=["unassalpha"])
    yield "TIFF", "grey and alpha, 16 bits", deep
    apart = np.ascontiguousarray(np.moveaxis(pairs, 2, 0))
    options: dict[str, Any] = {"planarconfig": "separate"}
    file = tiff(apart, photometric="minisblack", extrasamples=["unassalpha"], compression="zlib", **options)
    yield "TIFF", "grey and alpha, separate planes", file
    yield "TIFF", "CIE Lab, separate planes", tiff(planes, photometric="cielab", **options)
    yield "TIFF", "YCbCr, separate planes", tiff(planes, photometric="ycbcr", subsampling=(1, 1), **options)
    yield "TIFF", "YCbCr, colour at half the width and height", _subsampled(rgb)
    yield "TIFF", "ICC Lab", tiff(rgb, photometric="icclab")
    for name, transfer in (("PQ", 16), ("HLG", 18)):
        yield "PNG", f"HDR ({name})", png(rgb, 8, 2, chunk(b"cICP", bytes([9, transfer, 0, 1])))


def _subsampled(rgb: Pixels) -> bytes:
    """Write the head of an uncompressed TIFF of YCbCr, with fewer samples of colour than of light."""
    height, width = rgb.shape[:2]
    file = tiff(np.zeros((height, width, 3), np.uint8), photometric="ycbcr", subsampling=(1, 1))
    tag = struct.pack("<HHLHH", 530, 3, 2, 1, 1)
    return file.replace(tag, struct.pack("<HHLHH", 530, 3, 2, 2, 2))

"""Tell from the header of a picture how many bytes it takes decoded, before anything is decoded.

Only numbers at known places are read, so that this is quick for any file: it runs in the server's own process. A file
whose header says something else to the decoder is found out there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import islice

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.formats.jpeg_segments import FRAMES, is_decoded_row_by_row, segments
from visop.images.formats.signatures import sniff
from visop.images.formats.tiff import Tiff

#: The least that a pixel takes decoded: RGB and RGBA take four bytes in Pillow.
BYTES_PER_PIXEL = 4
# A progressive JPEG keeps its coefficients, of two bytes each, beside its pixels.
_COEFFICIENT_BYTES = 2

#: The most that a pixel takes: of a progressive JPEG in CMYK, with its coefficients.
MOST_BYTES_PER_PIXEL = 12

_MAX_SEGMENTS = 1000
# Where the sizes in an AVIF or HEIF are: behind the list of its items.
_MAX_HEAD = 256 * 1024

_GIF_EXTENSION = 0x21
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

#: Width, height and bytes of a pixel.
_Canvas = tuple[int, int, int]


def decoded_bytes(data: bytes, decode_side: int | None) -> int | None:
    """Return how many bytes a picture takes decoded: width x height x 4, or more if its samples have more than 8 bits.

    Of an animation the whole canvas counts, and of a JPEG the scale at which it is decoded.

    Args:
        data: the file.
        decode_side: as for ``decode_image``.

    Returns:
        0 if the file is no picture; None if its header does not say.
    """
    kind = sniff(data)
    if kind == "JPEG":
        return _jpeg(data, decode_side)
    read = _READERS.get(kind or "")
    if read is None:
        return 0
    try:
        width, height, bytes_per_pixel = read(data)
    except (struct.error, IndexError):
        return None
    return width * height * max(BYTES_PER_PIXEL, bytes_per_pixel)


def check_samples(data: bytes, kind: str, max_pixels: int) -> None:
    """Refuse deep samples beyond what pixels of four bytes would take. Nothing else takes more by its samples.

    Args:
        data: the file.
        kind: its format, as ``sniff`` says.
        max_pixels: the limit on width x height.

    Raises:
        ImageTooLarge: width x height x bytes of a pixel is too much.
        struct.error: the file ends within its header.
    """
    if kind in ("PNG", "TIFF"):
        width, height, bytes_per_pixel = _READERS[kind](data)
        size, most = width * height * bytes_per_pixel, BYTES_PER_PIXEL * max_pixels
        if size > most and width * height <= max_pixels:
            raise ImageTooLarge(
                f"image takes {size:,} bytes, {bytes_per_pixel} for each pixel; the limit is {most:,}, "
                f"{BYTES_PER_PIXEL} for each of {max_pixels:,} (OP_MAX_PIXELS)"
            )


def _jpeg(data: bytes, decode_side: int | None) -> int | None:
    try:
        frame = next(((kind, at) for kind, at in islice(segments(data), _MAX_SEGMENTS) if kind in FRAMES), None)
        if frame is None:
            return None
        height, width, components = struct.unpack_from(">HHB", data, frame[1] + 3)
        in_rows = is_decoded_row_by_row(data)
    except (struct.error, IndexError, ImageDecodeError):
        return None
    if not in_rows:  # libjpeg keeps all coefficients until the last scan, at any scale
        return int(width * height * (BYTES_PER_PIXEL + _COEFFICIENT_BYTES * components))
    scale = _scale(width, height, decode_side) if decode_side else 1
    return int(-(-width // scale) * -(-height // scale) * BYTES_PER_PIXEL)


def _scale(width: int, height: int, decode_side: int) -> int:
    """Return by how much a JPEG is reduced, as Pillow's ``draft`` does."""
    least = min(width // decode_side, height // decode_side)
    return next((scale for scale in (8, 4, 2) if least >= scale), 1)


def _png(data: bytes) -> _Canvas:
    width, height, bits, kind = struct.unpack_from(">LLBB", data, 16)
    return width, height, _PNG_CHANNELS.get(kind, 4) * bits // 8


def _gif(data: bytes) -> _Canvas:
    """Take the canvas with the first frame, which may reach beyond it: Pillow makes it larger then (GIF89a, 18, 20)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    colours = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    left, top, across, down = struct.unpack_from("<HHHH", data, _first_frame(data, 13 + colours) + 1)
    return max(width, left + across), max(height, top + down), 1


def _first_frame(data: bytes, at: int) -> int:
    """Skip the extensions of a GIF before its first frame: each is a mark, a kind, and blocks up to an empty one."""
    is_extension = False
    for _ in range(_MAX_SEGMENTS):
        if not is_extension:
            if data[at] != _GIF_EXTENSION:
                return at
            at += 2
        is_extension = data[at] > 0
        at += 1 + data[at]
    raise IndexError


def _bmp(data: bytes) -> _Canvas:
    form, at = ("<HH", 18) if data[14] == 12 else ("<ll", 18)
    width, height = struct.unpack_from(form, data, at)
    return abs(width), abs(height), 4


def _webp(data: bytes) -> _Canvas:
    """Read the first chunk (RFC 9649, 2.5 to 2.7): that of an animation has the size of its canvas."""
    match data[12:16]:
        case b"VP8X":
            width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        case b"VP8L":
            (bits,) = struct.unpack_from("<L", data, 21)
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return width, height, 4


def _tiff(data: bytes) -> _Canvas:
    return Tiff(data).canvas()


def _boxes(data: bytes) -> _Canvas:
    """Take the largest size that a property of an item names (ISO/IEC 23008-12, 6.5.3)."""
    sizes, at = [(0, 0)], data.find(b"ispe", 0, _MAX_HEAD)
    while at >= 0:
        sizes.append(struct.unpack_from(">LL", data, at + 8))
        at = data.find(b"ispe", at + 4, _MAX_HEAD)
    return (*max(sizes, key=lambda size: size[0] * size[1]), 4)


_READERS: dict[str, Callable[[bytes], _Canvas]] = {
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "WEBP": _webp,
    "TIFF": _tiff,
    "AVIF": _boxes,
    "HEIF": _boxes,
}

"""A JPEG without what its pixels do not need (ITU-T T.81, annex B)."""

from __future__ import annotations

from visop.errors import ImageDecodeError
from visop.images.formats.jpeg_segments import END_OF_IMAGE, FRAMES, MARKER, START_OF_SCAN, segments

_START, _END = b"\xff\xd8", b"\xff\xd9"
# Tables and the like: DHT, DAC, DQT, DNL, DRI.
_NEEDED = FRAMES | {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, START_OF_SCAN}
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# Of JFIF, up to the size of its thumbnail, and all of Adobe's, which says how the colours are coded.
_JFIF_BYTES, _ADOBE_BYTES = 12, 12


def jpeg_without_metadata(data: bytes, exif: bytes) -> bytes:
    """Keep the tables, scans, colour profile and coding of the first picture of a file.

    What phones append (other pictures, depth, videos) is left out, and so are comments and all that applications write.

    Args:
        data: the file.
        exif: a TIFF structure that takes the place of its Exif; none if empty.

    Raises:
        ImageDecodeError: the file has no end of a picture, or implausibly many pieces.
    """
    kept, scan_from = [_START], 0
    if exif:
        kept.append(_segment(_APP1, b"Exif\0\0" + exif))
    position = 2
    for kind, at in segments(data):
        if scan_from:
            kept.append(data[scan_from : at - 2])
        position = at + max(2, int.from_bytes(data[at : at + 2]))
        kept.append(_kept(kind, data[at + 2 : position]))
        # What lies between other segments belongs to nothing.
        scan_from = position if kind == START_OF_SCAN else 0
    end = MARKER.search(data, position)
    if not scan_from or end is None or end[0][1] != END_OF_IMAGE:
        raise ImageDecodeError("image has no end")
    return b"".join([*kept, data[scan_from : end.start()], _END])


def _kept(kind: int, body: bytes) -> bytes:
    """What stays of a segment."""
    if kind == _APP0 and body.startswith(b"JFIF\0"):
        return _segment(kind, body[:_JFIF_BYTES] + b"\0\0")
    if kind == _APP14 and body.startswith(b"Adobe"):
        return _segment(kind, body[:_ADOBE_BYTES])
    if kind in _NEEDED or (kind == _APP2 and body.startswith(b"ICC_PROFILE\0")):
        return _segment(kind, body)
    return b""


def _segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + (len(body) + 2).to_bytes(2) + body

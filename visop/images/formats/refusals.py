"""Say what a file is that is not decoded, and what to do about it."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from contextlib import suppress

from visop.errors import ImageDecodeError
from visop.images.formats.heif import has_heif
from visop.images.formats.jpeg_segments import unsupported
from visop.images.formats.not_decoded import CONVERT, not_decoded
from visop.images.formats.signatures import sniff
from visop.images.formats.tiff import Tiff

_RAW = "a camera's raw file; develop it, or take the JPEG that the camera made beside it"
_DRAWING = "a drawing and no picture of pixels; draw it as PNG"

# What to do about a picture of a format that is never decoded, where it is not to convert it.
_ADVICE = {
    **dict.fromkeys(("CR2", "CR3", "ORF", "RAF", "RW2", "X3F", "DNG"), _RAW),
    **dict.fromkeys(("SVG", "EPS", "WMF"), _DRAWING),
}

# How files begin that are no pictures.
_OTHERS = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
    (b"FLV\x01", "a video (FLV)"),
    (b"\0\0\x01\xba", "a video (MPEG)"),
    (b"ID3", "a sound recording (MP3)"),
    (b"OggS", "a sound recording or video (Ogg)"),
    (b"fLaC", "a sound recording (FLAC)"),
    (b"SQLite format 3\0", "a database (SQLite)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "a sound recording (WAV)"}

_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TEXT = re.compile(rb"[\t\n\r\f\x20-\x7e\x80-\xff]+")
_HEAD = 1024


def check_accepted(data: bytes, formats: Sequence[str]) -> str:
    """Return the format of a file, as ``sniff`` says.

    Args:
        data: the file.
        formats: the accepted formats, by Pillow's names.

    Raises:
        ImageDecodeError: the format is none of those, or a kind of it that is not decoded; says what the file is.
    """
    kind = sniff(data)
    if kind is None:
        raise ImageDecodeError(f"not an image, {_other(data)} (accepted: {', '.join(formats)}; OP_FORMATS)")
    if kind == "HEIF" and kind in formats and not has_heif():
        raise not_accepted(kind, formats)
    if kind not in formats and not (kind == "JPEG" and "MPO" in formats):
        raise not_accepted(kind, formats)
    if variant := _variant(data, kind):
        raise variant
    return kind


def not_accepted(kind: str, formats: Sequence[str]) -> ImageDecodeError:
    """Return the error that says what a picture is whose format is not accepted, and what to do."""
    if kind in _ADVICE:
        return ImageDecodeError(f"image is {_article(kind)} {kind} file, {_ADVICE[kind]}")
    if kind == "HEIF":
        return ImageDecodeError(
            "image is a HEIC (HEIF) file, which needs the package visop[heic] on the server and HEIF in OP_FORMATS; "
            "or convert it to JPEG"
        )
    accepted = ", ".join(formats)
    return ImageDecodeError(
        f"image is {_article(kind)} {kind} file, a format that is not accepted (accepted: {accepted}; OP_FORMATS); "
        f"{CONVERT}"
    )


def not_identified(data: bytes) -> ImageDecodeError:
    """Return the error for a file of an accepted format that Pillow does not recognise."""
    kind = sniff(data)
    with suppress(struct.error):
        if kind == "TIFF":
            return not_decoded(f"a damaged TIFF, or one {Tiff(data).samples()}")
    return ImageDecodeError(f"image is a damaged or incomplete {kind}")


def _variant(data: bytes, kind: str) -> ImageDecodeError | None:
    """The error for a kind of an accepted format that is not decoded."""
    if kind == "JPEG" and (variant := unsupported(data)):
        return not_decoded(f"a {variant}")
    if kind == "PNG" and data[12:16] == b"CgBI":
        return not_decoded("a PNG in the form of iPhone applications (CgBI)", "convert it to plain PNG")
    if kind == "TIFF" and _is_raw(data):
        return ImageDecodeError(f"image is a DNG or another raw file in the form of a TIFF, {_RAW}")
    return None


def _is_raw(data: bytes) -> bool:
    with suppress(struct.error):
        return Tiff(data).is_raw()
    return False


def _other(data: bytes) -> str:
    """Say what a file is that is no picture."""
    head = data[:_HEAD]
    if head[4:8] == b"ftyp":
        return "but a video (MP4 or QuickTime)"
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return f"but {_RIFF[head[8:12]]}"
    for start, what in _OTHERS:
        if head.startswith(start):
            return f"but {what}"
    if _HTML.match(head):
        return "but a web page (HTML)"
    if not head.strip(b"\0"):
        return "only zeros"
    return "but text" if _TEXT.fullmatch(head) else "or of a format that is not known"


def _article(kind: str) -> str:
    return "an" if kind[0] in "AEIO" or kind in ("SVG", "RAF", "RW2", "X3F", "XCF", "MNG") else "a"

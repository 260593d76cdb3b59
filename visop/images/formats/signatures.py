"""Tell the format of a picture by its first bytes, whether or not visop decodes that format.

A name that ends in ``.jpg`` proves nothing, and a picture may have no suffix at all. Only the signatures of the formats
are compared here: a file that has one may still be damaged.
"""

from __future__ import annotations

import re

#: How many bytes ``sniff`` looks at; in fewer it may not find the root element of an SVG.
SNIFF_BYTES = 1024

# How files begin, and the format that begins so; the first that fits counts.
_SIGNATURES = (
    (b"\xff\xd8\xff\xf7", "JPEG-LS"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"\x8aMNG", "MNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS", "PSD"),
    (b"%!PS-Adobe-3.0 EPSF", "EPS"),
    (b"%!PS-Adobe-2.0 EPSF", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIU\0", "RW2"),
    (b"FOVb", "X3F"),
    (b"icns", "ICNS"),
    (b"DDS \x7c", "DDS"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"BPG\xfb", "BPG"),
    (b"gimp xcf", "XCF"),
    (b"AT&TFORM", "DjVu"),
    (b"SIMPLE  =", "FITS"),
    (b"P7\nWIDTH", "PNM"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
)

# Headers of a BMP, which follow its 14 bytes of file header, by their length; "BM" alone begins many a text.
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)

# Brands of the ISO base media file format (ISO/IEC 14496-12, 23008-12; AV1 Image File Format).
_BRANDS = {
    "AVIF": {b"avif", b"avis"},
    "HEIF": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"},
    "CR3": {b"crx "},
}

# The root element of an XML document. Atomic groups: without them, many comments would take exponential time.
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE\s+svg[^>]*>)*+<(?:\w+:)?svg\b", re.DOTALL)
_PNM = re.compile(rb"P[1-6Ff]\s+(?:#[^\n]*\n\s*)*\d")


def sniff(first: bytes) -> str | None:
    """Return the name of the format of a picture, or None if the bytes begin no kind of picture that is known.

    Args:
        first: the first bytes of a file, ``SNIFF_BYTES`` or more if it has as many.

    Returns:
        Pillow's name where Pillow knows the format (a picture in several JPEGs, MPO, is a JPEG), else the common one.
    """
    head = first[:SNIFF_BYTES]
    return _by_structure(head) or _by_signature(head)


def _by_signature(head: bytes) -> str | None:
    return next((name for start, name in _SIGNATURES if head.startswith(start)), None)


def _by_structure(head: bytes) -> str | None:
    """Formats that are not told by their first bytes alone."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == b"CR":
        return "CR2"
    if head[:4] in (b"\0\0\1\0", b"\0\0\2\0") and 0 < int.from_bytes(head[4:6], "little") < 256:
        return "ICO"
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[128:132] == b"DICM":
        return "DICOM"
    if _PNM.match(head):
        return "PNM"
    return "SVG" if _SVG.match(head) else None


def _by_brand(head: bytes) -> str | None:
    """The first format of which a brand is named; AVIF files often name ``mif1``, a brand of HEIF, beside their own."""
    box = head[8 : int.from_bytes(head[:4])]
    brands = {box[at : at + 4] for at in range(0, len(box), 4)}
    return next((name for name, own in _BRANDS.items() if brands & own), None)

"""A WebP without what its pixels do not need (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator

from visop.errors import ImageDecodeError

_HEADER_BYTES, _FRAME_BYTES = 12, 16
_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_KEPT = _PIXELS | {b"VP8X", b"ICCP", b"ANIM", b"ANMF"}
# Of the flags in VP8X.
_HAS_EXIF, _HAS_XMP = 0x08, 0x04
_MAX_CHUNKS = 100_000


def webp_without_metadata(data: bytes, exif: bytes) -> bytes:
    """Keep the pixels, frames and colour profile of a file.

    Args:
        data: the file.
        exif: a TIFF structure that takes the place of its Exif; none if empty. Only a file that had some can have it.

    Raises:
        ImageDecodeError: its chunks do not add up.
    """
    chunks = [each for each in _chunks(_riff(data)) if each[0] in _KEPT]
    if not {kind for kind, _ in chunks} & (_PIXELS | {b"ANMF"}):
        raise _damaged()
    kept = [_kept(*each, bool(exif)) for each in chunks]
    body = b"".join([b"WEBP", *kept, _chunk(b"EXIF", exif) if exif else b""])
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _riff(data: bytes) -> bytes:
    """What is inside, without what follows it in the file."""
    size = int.from_bytes(data[4:8], "little")
    if 8 + size > len(data):
        raise _damaged()
    return data[_HEADER_BYTES : 8 + size]


def _kept(kind: bytes, body: bytes, has_exif: bool) -> bytes:
    if kind == b"VP8X":
        flags = (body[0] & ~(_HAS_EXIF | _HAS_XMP)) | (_HAS_EXIF if has_exif else 0)
        body = bytes([flags]) + body[1:]
    if kind == b"ANMF":
        pixels = [_chunk(*each) for each in _chunks(body[_FRAME_BYTES:]) if each[0] in _PIXELS]
        body = b"".join([body[:_FRAME_BYTES], *pixels])
    return _chunk(kind, body)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind of each chunk, and its body."""
    position = 0
    for _ in range(_MAX_CHUNKS):
        if position >= len(data):
            return
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + size
        if size == 0 or end > len(data):
            raise _damaged()
        yield data[position : position + 4], data[position + 8 : end]
        position = end + size % 2
    raise _damaged()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def _damaged() -> ImageDecodeError:
    return ImageDecodeError("image is damaged: its chunks do not add up")

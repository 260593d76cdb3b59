"""Find out whether the pixels of a GIF end where its data do: a GIF has no checksum.

A damaged code stands for another number of pixels, so that the picture is full before or after the data end.
"""

from __future__ import annotations

from typing import Any

from visop.errors import ImageDecodeError
from visop.images.formats.limits import MeteredFile

# Behind the last pixel may follow the end code, of at most 12 bits, and what is left of a byte.
_MAX_BYTES_LEFT = 2


def load_gif(image: Any, data: bytes) -> None:
    """Decode the first frame of an opened GIF, in place of its ``load``.

    Its last blocks are cut into blocks of one byte, and given to the decoder byte by byte: so it is seen where it ends.

    Raises:
        ImageDecodeError: the frame is full before its data end; Pillow raises OSError if the data end first.
    """
    if not image.tile:
        image.load()
        return
    last, end = _last_blocks(data, image.tile[0].offset)
    content = b"".join(data[at + 1 : at + 1 + data[at]] for at in last)
    pieces = b"".join(b"\1" + content[at : at + 1] for at in range(len(content)))
    image.fp = file = MeteredFile(data[: last[0] if last else end] + pieces + b"\0", len(pieces) + 1)
    image.load()
    if (len(file.getbuffer()) - 1 - file.tell()) // 2 > _MAX_BYTES_LEFT:
        raise ImageDecodeError("image is a damaged GIF: its compressed data are corrupt")


def _last_blocks(data: bytes, start: int) -> tuple[list[int], int]:
    """Return where the last two of the blocks that begin here start, and where the last ends (GIF89a, section 15).

    Each block has its length before it, and an empty one ends them.
    """
    before, last = -1, -1
    while start < len(data) and data[start]:
        before, last = last, start
        start += 1 + data[start]
    return [at for at in (before, last) if at >= 0], min(start, len(data))

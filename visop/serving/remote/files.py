"""Images as files for another operator."""

from __future__ import annotations

from visop.contract import Image
from visop.errors import ImageTooLarge
from visop.images.crops import jpeg_file
from visop.images.stored_png import stored_png

# Of crops that are too large without loss; the human eye sees no difference.
_QUALITY = 95


def lossless_file(image: Image, max_bytes: int) -> bytes:
    """A PNG, so that the operator sees the pixels that are here; a JPEG where that would be too large.

    Args:
        image: (H, W, 3) uint8.
        max_bytes: of a file, that the operator takes.

    Raises:
        ImageTooLarge: a JPEG is too large, too.
    """
    file = stored_png(image)
    if len(file) <= max_bytes:
        return file
    file = jpeg_file(image, _QUALITY)
    if len(file) <= max_bytes:
        return file
    raise ImageTooLarge(f"a part has {len(file):,} bytes as a JPEG; the operator takes {max_bytes:,}")

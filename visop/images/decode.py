"""Decode image files into RGB arrays, and resize the arrays.

Inputs are treated as hostile: every limit is checked before the work that it bounds, and every exception from Pillow
is replaced by a ``VisopError`` with a message that is safe to send to a client.

Pillow's cache of memory blocks (``Image.core.set_blocks_max``) is left off. It speeds up a full 12-megapixel decode by
a quarter, but does not help the common case, a scaled decode (see ``decode_side``), and keeps 100 to 200 MiB resident.
"""

from __future__ import annotations

import re
import warnings
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import PIL.Image

# Importing a reader registers it. Without these imports, Pillow would import all of its forty readers the first time
# it meets a format that is not registered.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from visop.contract import Image
from visop.errors import ImageDecodeError, ImageTooLarge, SettingsError, VisopError, drop_locals
from visop.images.colours.appearance import appearance
from visop.images.colours.description import profile_of
from visop.images.formats.bmp_alpha import prepare_bmp
from visop.images.formats.canvas import check_samples
from visop.images.formats.damage import check_bytes, load
from visop.images.formats.heif import decodable
from visop.images.formats.limits import MeteredFile, check_file, check_size
from visop.images.formats.not_decoded import not_decoded
from visop.images.formats.refusals import check_accepted, not_accepted, not_identified
from visop.images.formats.signatures import sniff
from visop.images.formats.tiff import Tiff
from visop.images.formats.tiff_samples import prepare_tiff
from visop.images.orientation import orientation, turn_upright
from visop.images.reduced import MAX_REDUCTION, reduce
from visop.settings import Settings

#: The formats that can be accepted, because their readers have been fuzzed. Other readers start programs and write
#: files (EPS), or decode in Python (BLP, DDS).
FORMATS = frozenset({"AVIF", "BMP", "GIF", "HEIF", "JPEG", "MPO", "PNG", "TIFF", "WEBP"})

_RESAMPLING = {"bilinear": PIL.Image.Resampling.BILINEAR, "nearest": PIL.Image.Resampling.NEAREST}

# Where the header of a PNG says how many bits a sample has.
_PNG_BIT_DEPTH = 24

_STRIP_PIXELS = 2**20

_PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """The limits on an image file.

    Attributes:
        max_bytes: size of the encoded file, in bytes.
        max_pixels: width x height. A JPEG that is decoded at a reduced scale may have four times as many, if its rows
            can be reduced one after another.
        max_frames: frames of an animation, or pages of a TIFF.
        formats: accepted formats, by Pillow's names.

    Raises:
        SettingsError: ``formats`` contains a format that visop cannot accept.
    """

    max_bytes: int
    max_pixels: int
    max_frames: int
    formats: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> ImageLimits:
        """Take the limits from the settings."""
        return cls(
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            formats=decodable(settings.formats),
        )

    def __post_init__(self) -> None:
        """Check ``formats``."""
        for name in self.formats:
            if name not in FORMATS:
                raise SettingsError("formats", name, f"must be one of {', '.join(sorted(FORMATS))}")


def decode_image(data: bytes, limits: ImageLimits, decode_side: int | None = None) -> Image:
    """Decode an image file completely and turn it upright. Only the first frame of an animation or page is decoded.

    The result is what a browser shows of the picture: colours are converted to sRGB, and what is transparent is
    composed on white. Grey of more than 8 bits is scaled to 8. For an opaque picture in sRGB it is bit for bit what
    ``keras.utils.load_img`` gives, so that such a picture gets the same vector here as from the same model in Keras.

    Args:
        data: the file.
        limits: limits on the file.
        decode_side: allows a JPEG to be decoded at 1/2, 1/4 or 1/8 of its size as long as both sides keep at least
            this many pixels; None decodes at full size.

    Returns:
        (H, W, 3) uint8 RGB, 0 to 255, C-contiguous, read-only.

    Raises:
        ImageTooLarge: the file exceeds the limit on bytes, pixels or frames, or was built to be expensive.
        ImageDecodeError: the file is not an image in an accepted format, or is damaged or incomplete.
    """
    check_size(data, limits.max_bytes)
    prepare_pillow(limits.max_pixels)
    try:
        return _decode(data, limits, decode_side)
    except VisopError as error:
        drop_locals(error)
        raise
    except Exception as error:  # parsers raise a dozen kinds of exceptions, MemoryError among them
        drop_locals(error)
        raise _translate(error, data, limits) from error


def resize_image(image: Image, height: int, width: int, method: Literal["bilinear", "nearest"]) -> Image:
    """Resize an image to this size, bit for bit as ``keras.utils.load_img`` does for the same ``interpolation``.

    Args:
        image: (H, W, 3) uint8 RGB.
        height: height of the result, in pixels.
        width: width of the result, in pixels.
        method: ``bilinear`` is antialiased (a triangle filter as wide as the scale); ``nearest`` picks single pixels.

    Returns:
        (height, width, 3) uint8 RGB, read-only; ``image`` itself if it already has that size.
    """
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(PIL.Image.fromarray(image).resize((width, height), _RESAMPLING[method]))


def prepare_pillow(max_pixels: int) -> None:
    """Silence Pillow's warnings and raise its pixel limit if ours needs it. Both are global to the process.

    This runs at every call because other code changes these globals too (pytest replaces the warning filters for every
    test); when they are already as needed, it only compares. Pillow's limit is kept, not removed, because some readers
    allocate memory before we see the size. Pillow refuses pictures above twice its limit.
    """
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
    needed = max_pixels * MAX_REDUCTION // 2
    if PIL.Image.MAX_IMAGE_PIXELS is not None and needed > PIL.Image.MAX_IMAGE_PIXELS:
        PIL.Image.MAX_IMAGE_PIXELS = needed


def _decode(data: bytes, limits: ImageLimits, decode_side: int | None) -> Image:
    kind = check_accepted(data, limits.formats)
    check_file(data)
    data = check_bytes(data, kind, limits.max_pixels)
    check_samples(data, kind, limits.max_pixels)
    with closing(PIL.Image.open(MeteredFile(data), formats=(kind,))) as image:
        if image.format not in limits.formats:  # JPEG and MPO share a reader
            raise not_accepted(str(image.format), limits.formats)
        _check_frames(image, data, limits.max_frames)
        reduce(image, data, limits.max_pixels, decode_side)
        profile = profile_of(image, data)
        _prepare_samples(image, data)
        load(image, data)
        bits = data[_PNG_BIT_DEPTH] if image.format == "PNG" else 8
        return _to_array(turn_upright(appearance(image, profile, bits), orientation(image, data)))


def _prepare_samples(image: Any, data: bytes) -> None:
    """Correct how Pillow will read the samples of an opened picture. Raises ImageDecodeError where it cannot."""
    if image.format == "TIFF":
        prepare_tiff(image)
    if image.format == "BMP":
        prepare_bmp(image, data)


def _check_frames(image: Any, data: bytes, max_frames: int) -> None:
    """Check the number of frames. A TIFF is counted by our own reader, because Pillow's count takes quadratic time."""
    frames = Tiff(data).count_pages(max_frames + 1) if image.format == "TIFF" else getattr(image, "n_frames", 1)
    if frames > max_frames:
        raise ImageTooLarge(f"image has {frames:,} frames, the limit is {max_frames:,} (OP_MAX_FRAMES)")


def _to_array(image: PIL.Image.Image) -> Image:
    """Copy into an array strip by strip, in 15 ms for 12 megapixels. ``np.asarray`` copies three times: 30 to 50 ms."""
    array = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        array[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    array.flags.writeable = False
    return array


def _translate(error: Exception, data: bytes, limits: ImageLimits) -> VisopError:
    if isinstance(error, PIL.Image.DecompressionBombError):
        least = 2 * (PIL.Image.MAX_IMAGE_PIXELS or 0)
        return ImageTooLarge(
            f"image has more than {least:,} pixels, the limit is {limits.max_pixels:,} (OP_MAX_PIXELS)"
        )
    if isinstance(error, PIL.UnidentifiedImageError):  # of a format that is known
        return not_identified(data)
    if str(error).startswith("Unsupported BMP"):
        return not_decoded("a damaged BMP, or one whose arrangement of bits is uncommon")
    return ImageDecodeError(f"image is a damaged or incomplete {sniff(data) or 'file'}")

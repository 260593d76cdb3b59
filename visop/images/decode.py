"""Base64 or an image file -> RGB array. The only module that knows Pillow.

Inputs are hostile: every limit is checked before the work that it limits, and whatever Pillow raises becomes one of our
errors, in our words. Not used here is Pillow's cache of memory blocks (``Image.core.set_blocks_max``): it makes a full
12-megapixel decode a quarter faster, and a scaled one (see ``decode_side``), the common case, no faster at all, for
100 to 200 MiB that stay resident.
"""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image
import pybase64

# The readers of the formats that are accepted. Importing them registers them; else Pillow would import all of its forty
# when it first meets one that it does not know.
from PIL import (  # noqa: F401
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from visop.contract import Image
from visop.errors import ImageDecodeError, ImageTooLarge, SettingsError, VisopError
from visop.images.limits import MeteredFile, check_exif, check_file, check_header
from visop.images.tiff import Tiff
from visop.settings import Settings

# Those whose readers were attacked. Others start programs and write files (EPS), or are decoded in Python (BLP, DDS).
_FORMATS = frozenset({"BMP", "GIF", "JPEG", "MPO", "PNG", "TIFF", "WEBP"})

_DATA_URI = re.compile(r"data:image/[^,]*;base64,", re.IGNORECASE)
_MAX_DATA_URI_HEADER = 256
_WHITESPACE = b" \t\r\n\v\f"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

_RESAMPLING = {"bilinear": PIL.Image.Resampling.BILINEAR, "nearest": PIL.Image.Resampling.NEAREST}

# EXIF orientation -> what makes the picture upright (CIPA DC-008, Orientation).
_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

_STRIP_PIXELS = 2**20

_PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What is accepted: encoded bytes, width x height, frames of an animation, and formats by Pillow's names.

    Raises:
        SettingsError: a format that is not among those that can be accepted.
    """

    max_bytes: int
    max_pixels: int
    max_frames: int
    formats: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> ImageLimits:
        """The limits that the settings ask for."""
        return cls(
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            formats=settings.formats,
        )

    def __post_init__(self) -> None:
        """Check the formats."""
        for name in self.formats:
            if name not in _FORMATS:
                raise SettingsError("formats", name, f"must be of {', '.join(sorted(_FORMATS))}")


def decode_base64(text: str, max_bytes: int) -> bytes:
    """Decode base64: either alphabet, with or without padding, white space and a ``data:image/*;base64,`` before it.

    Raises:
        ImageTooLarge: the result would be over the limit; judged by the text's length, before decoding.
        ImageDecodeError: not base64, or a data URI of another form.
    """
    payload: str | bytes = _strip_data_uri(text)
    longest = (max_bytes + 2) // 3 * 4
    try:
        if len(payload) > longest:  # or it only has line breaks
            payload = _plain_base64(payload)
            if len(payload) > longest:
                raise ImageTooLarge(f"image has {len(payload) * 3 // 4:,} bytes, the limit is {max_bytes:,}")
        data = _b64decode(payload)
    except ValueError:
        raise ImageDecodeError("not valid base64") from None
    _check_size(data, max_bytes)
    return data


def decode_image(data: bytes, limits: ImageLimits, decode_side: int | None = None) -> Image:
    """Decode an image file completely, and turn it upright. Of an animation or a series, the first picture.

    Alpha is dropped, as ``keras.utils.load_img`` does: a picture gets the vector that the same model gives it anywhere
    else in Keras. Grey of more than 8 bits is scaled; ``load_img`` would clip it to white.

    Args:
        data: the file.
        limits: what is accepted.
        decode_side: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as both sides keep this many pixels;
            None is full size.

    Returns:
        (H, W, 3) uint8 RGB, 0 to 255, C-contiguous, read-only.

    Raises:
        ImageTooLarge: over the limit on bytes, pixels or frames, or built to be expensive.
        ImageDecodeError: not an image of an accepted format, damaged, or incomplete.
    """
    _check_size(data, limits.max_bytes)
    _prepare_pillow(limits.max_pixels)
    try:
        return _decode(data, limits, decode_side)
    except VisopError as err:
        _forget_locals(err)
        raise
    except Exception as err:  # whatever a parser runs into: a dozen kinds, MemoryError among them
        _forget_locals(err)
        raise _translate(err, limits) from err


def resize_image(image: Image, height: int, width: int, method: Literal["bilinear", "nearest"]) -> Image:
    """Warp a picture to a size, bit for bit as ``keras.utils.load_img`` does with the same ``interpolation``.

    Args:
        image: (H, W, 3) uint8 RGB.
        height: of the result, in pixels.
        width: of the result, in pixels.
        method: bilinear is antialiased (a triangle as wide as the scale); nearest takes single pixels.

    Returns:
        (height, width, 3) uint8 RGB, read-only; ``image`` itself if it has that size.
    """
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(PIL.Image.fromarray(image).resize((width, height), _RESAMPLING[method]))


def _strip_data_uri(text: str) -> str:
    if text[:5].lower() != "data:":
        return text
    header = _DATA_URI.match(text, 0, _MAX_DATA_URI_HEADER)
    if header is None:
        raise ImageDecodeError("a data URI must begin with data:image/...;base64,")
    return text[header.end() :]


def _b64decode(payload: str | bytes) -> bytes:
    """The standard form at 30 times the speed of ``base64``; any other form after rewriting it. Raises ValueError."""
    try:
        return pybase64.b64decode(payload, validate=True)
    except ValueError:
        plain = _plain_base64(payload)
        return pybase64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _plain_base64(payload: str | bytes) -> bytes:
    """Without white space and padding, in the standard alphabet. Raises ValueError if it is not ASCII."""
    octets = payload.encode("ascii") if isinstance(payload, str) else payload
    return octets.translate(_URL_SAFE, _WHITESPACE).rstrip(b"=")


def _check_size(data: bytes, max_bytes: int) -> None:
    if not data:
        raise ImageDecodeError("image is empty")
    if len(data) > max_bytes:
        raise ImageTooLarge(f"image has {len(data):,} bytes, the limit is {max_bytes:,}")


def _prepare_pillow(max_pixels: int) -> None:
    """Set what Pillow and Python only have for the whole process: no warnings, and a limit that is not below ours.

    At every call and not once, since others set them too (pytest replaces the filters for every test); when all is as
    it should be, it only looks. Pillow's own limit stays as the first barrier: some of its readers reserve memory
    before we see the size. It refuses above twice the value, so a higher one of ours has to raise it.
    """
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
    if PIL.Image.MAX_IMAGE_PIXELS is not None and max_pixels > PIL.Image.MAX_IMAGE_PIXELS:
        PIL.Image.MAX_IMAGE_PIXELS = max_pixels


def _decode(data: bytes, limits: ImageLimits, decode_side: int | None) -> Image:
    check_file(data)
    readers = tuple(dict.fromkeys("JPEG" if name == "MPO" else name for name in limits.formats))
    with closing(PIL.Image.open(MeteredFile(data), formats=readers)) as image:
        if image.format not in limits.formats:  # JPEG and MPO have one reader
            raise UnidentifiedImageError
        check_header(image, limits.max_pixels)
        _check_frames(image, data, limits.max_frames)
        if decode_side is not None:
            image.draft(None, (decode_side, decode_side))
        image.load()
        upright = _UPRIGHT.get(orientation(image))
        picture = _to_rgb(image)
        return _to_array(picture if upright is None else picture.transpose(upright))


def _check_frames(image: Any, data: bytes, max_frames: int) -> None:
    """Count the frames: a GIF is walked through; other headers know, but TIFF, where Pillow's count is quadratic."""
    frames = Tiff(data).count_pages(max_frames + 1) if image.format == "TIFF" else getattr(image, "n_frames", 1)
    if frames > max_frames:
        raise ImageTooLarge(f"image has {frames:,} frames, the limit is {max_frames:,}")


def orientation(image: PIL.Image.Image) -> int:
    """How it lies, 1 (upright) to 8 (CIPA DC-008). Raises ImageTooLarge for Exif too large to be honest."""
    check_exif(image.info.get("exif", b""))
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - anything writes Exif, in any state; without it the picture is as it lies
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode == "RGB":
        return image  # convert would copy it
    if image.mode.startswith("I;16"):
        return _grey(image, lambda values: values >> (_grey_bits(image) - 8))
    if image.mode in ("I", "F"):
        return _grey(image, _stretch)
    return image.convert("LA").convert("RGB") if image.mode == "La" else image.convert("RGB")


def _grey(image: PIL.Image.Image, scale: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> PIL.Image.Image:
    return PIL.Image.fromarray(scale(np.asarray(image)).astype(np.uint8)).convert("RGB")


def _grey_bits(image: Any) -> int:
    """16, or 12 as some TIFF have it."""
    return 12 if getattr(image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample) == (12,) else 16


def _stretch(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Spread 32-bit values, which have no range of their own, from the darkest to the brightest over 0 to 255."""
    with np.errstate(all="ignore"):  # of signalling NaN
        values = values.astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    if not high > low:  # flat, or nothing but NaN
        return np.zeros_like(values)
    values -= low
    values *= 255 / (high - low)
    values[np.isnan(values)] = 0
    return values


def _to_array(image: PIL.Image.Image) -> Image:
    """``np.asarray``, strip by strip: that one copies 12 megapixels three times, in 30 to 50 ms; this takes 15."""
    array = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        array[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    array.flags.writeable = False
    return array


def _translate(err: Exception, limits: ImageLimits) -> VisopError:
    if isinstance(err, PIL.Image.DecompressionBombError):
        least = 2 * (PIL.Image.MAX_IMAGE_PIXELS or 0)
        return ImageTooLarge(f"image has more than {least:,} pixels, the limit is {limits.max_pixels:,}")
    if isinstance(err, UnidentifiedImageError):
        formats = ", ".join(limits.formats)
        return ImageDecodeError(f"not an image, or of a format that is not accepted (accepted: {formats})")
    return ImageDecodeError("image is damaged or incomplete")


def _forget_locals(err: Exception) -> None:
    """Let go of the half-decoded picture: an error lives as long as its request, which may have hundreds of them."""
    traceback.clear_frames(err.__traceback__)

"""Convert the colours of pictures to sRGB, in which the encoders were trained, by Little CMS.

A profile that is broken, or made for other channels, is ignored, as browsers ignore it.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict

import numpy as np
import PIL.Image
from PIL import ImageChops, ImageCms

# Profiles of presses take up to 3 MB; those of cameras and displays take 0.5 to 60 KB.
_MAX_PROFILE_BYTES = 4 * 1024 * 1024
_PROFILE_SPACE = slice(16, 20)
_CHANNELS = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}

# A profile that changes no colour by more than this is sRGB, of which there are many descriptions, and is not applied.
_SAME_LEVELS = 2

# The tags for floating-point processing, which Little CMS prefers and browsers do not read. Their chains have no limit:
# 160 KB took 38 s.
_UNLIMITED, _UNKNOWN = b"D2B", b"d2b"

# A transform takes up to 1 MB. A collection of pictures has a handful of profiles.
_MAX_TRANSFORMS = 16


def to_srgb(colours: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """Convert a picture in mode L, RGB, CMYK or LAB to RGB in sRGB. Lab needs no profile.

    Returns:
        Mode RGB; ``colours`` itself if it is sRGB already.
    """
    channels = _channels(colours.mode, profile)
    transform = _transforms.find(profile, channels) if profile and channels else None
    if transform is None or channels is None:
        return colours if colours.mode == "RGB" else colours.convert("RGB")
    return transform.apply(colours if colours.mode == channels else colours.convert(channels))


def _channels(mode: str, profile: bytes | None) -> str | None:
    """Return the mode in which a profile takes a picture, or None if it was not made for such a picture."""
    if profile is None or len(profile) > _MAX_PROFILE_BYTES:
        return None
    channels = _CHANNELS.get(profile[_PROFILE_SPACE])
    fits = channels == mode or (channels == "RGB" and mode == "L")
    return channels if fits else None


class _Transforms:
    """The transforms to sRGB that were used last, by digest of the profile. Safe for many threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[bytes, str], ImageCms.ImageCmsTransform | None] = OrderedDict()

    def find(self, profile: bytes, channels: str) -> ImageCms.ImageCmsTransform | None:
        """Return the transform of a profile, or None if it is sRGB or broken."""
        key = hashlib.sha256(profile).digest(), channels
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        transform = _build(profile, channels)
        with self._lock:
            self._known[key] = transform
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return transform


_transforms = _Transforms(_MAX_TRANSFORMS)


def _build(profile: bytes, channels: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile.replace(_UNLIMITED, _UNKNOWN)))
        # The default intent is perceptual, which browsers take too.
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), channels, "RGB")
        return None if _changes_nothing(transform, channels) else transform
    except Exception:  # noqa: BLE001 - whatever is wrong with a profile, the picture is still worth a vector
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, channels: str) -> bool:
    """Return whether a transform leaves a chart of 17 levels of each channel nearly as it is."""
    if channels == "CMYK":
        return False
    levels = np.linspace(0, 255, 17).astype(np.uint8)
    mesh = np.stack(np.meshgrid(*[levels] * len(channels)), axis=-1)
    chart = PIL.Image.fromarray(mesh.reshape(-1, 17, 3) if channels == "RGB" else mesh.reshape(1, 17))
    change = np.asarray(ImageChops.difference(transform.apply(chart), chart.convert("RGB")))
    return bool(change.max() <= _SAME_LEVELS)

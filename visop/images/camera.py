"""What the Exif of a picture file says of its origin."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress

from PIL import ExifTags, Image

from visop.images.decode import FORMATS
from visop.images.formats.signatures import sniff

# What image programs write into Software; cameras and phones write their firmware there.
_EDITORS = ("photoshop", "lightroom", "gimp", "paint", "affinity", "pixelmator", "snapseed", "imagemagick", "canva")


def exif_of_camera(data: bytes) -> tuple[bool, int]:
    """Return whether the Exif names a camera and no image program, and how many tags it has.

    The pixels are not decoded. A file that cannot be read, or whose Exif is broken, says nothing: (False, 0).
    """
    kind = sniff(data)
    if kind not in FORMATS:
        return False, 0
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            exif = image.getexif()
            software = str(exif.get(ExifTags.Base.Software, "")).lower()
            has_camera = bool(exif.get(ExifTags.Base.Make) or exif.get(ExifTags.Base.Model))
            return has_camera and not any(name in software for name in _EDITORS), len(exif)
    return False, 0

"""A picture file without where, when and by whom it was taken, to be shown to others."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress

from PIL import Image

from visop.errors import VisopError
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.images.formats.signatures import sniff
from visop.images.metadata.gif import gif_without_metadata
from visop.images.metadata.jpeg import jpeg_without_metadata
from visop.images.metadata.orientation_exif import orientation_exif
from visop.images.metadata.png import png_without_metadata
from visop.images.metadata.webp import webp_without_metadata
from visop.images.orientation import orientation

_WITH_EXIF = {"JPEG": jpeg_without_metadata, "PNG": png_without_metadata, "WEBP": webp_without_metadata}


def without_metadata(data: bytes, limits: ImageLimits) -> bytes:
    """Take out all that is not needed to show a picture.

    That is Exif with its thumbnail, XMP, IPTC, notes of makers, comments, the further pictures and videos that phones
    put into the file, and whatever follows its end.

    In JPEG, PNG, WebP and GIF the pixels stay as they are, with the orientation and the colour profile. Files of all
    other formats, where positions in the file are written in the file, and damaged ones become PNGs of what is shown.

    Raises:
        VisopError: ``data`` is not an image within the limits.
    """
    kind = sniff(data)
    with suppress(VisopError, IndexError):
        if kind == "GIF":
            return gif_without_metadata(data)
        if kind and (take_out := _WITH_EXIF.get(kind)):
            return take_out(data, orientation_exif(_orientation(data, kind)))
    file = io.BytesIO()
    Image.fromarray(decode_in_process(data, limits)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _orientation(data: bytes, kind: str) -> int:
    """1 (upright) to 8; 1 if the file does not say."""
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            return orientation(picture, data)
    return 1

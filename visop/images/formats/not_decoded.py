"""The error for a kind of an accepted format that is not decoded: what it is, and what to do."""

from __future__ import annotations

from visop.errors import ImageDecodeError

#: What helps with nearly every picture.
CONVERT = "convert it to JPEG or PNG"


def not_decoded(what: str, advice: str = CONVERT) -> ImageDecodeError:
    """Return the error for a picture that is, say, ``a TIFF with fax compression``."""
    return ImageDecodeError(f"image is {what}, which is not decoded; {advice}")

"""HEIC pictures, as phones take them: decoded where the package of the extra ``visop[heic]`` is installed.

It is no part of the others because its wheels contain x265, which is under the GPL.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec


@cache
def has_heif() -> bool:
    """Return whether HEIF can be decoded, and make Pillow know the format."""
    if find_spec("pillow_heif") is None:
        return False
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # the server decodes as many pictures at once as there are cores
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def decodable(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats without HEIF if it cannot be decoded here."""
    return tuple(name for name in formats if name != "HEIF" or has_heif())

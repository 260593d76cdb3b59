"""Read a picture of an index to show it, from whichever of its files can still be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from visop.errors import VisopError
from visop.images.decode import ImageLimits
from visop.search.reader import read_bytes
from visop.search.schema import Picture
from visop.settings import Settings
from visop.sources import path_of

Shown = TypeVar("Shown")


def first_readable(
    picture: Picture, settings: Settings, show: Callable[[bytes, ImageLimits], Shown], otherwise: Shown
) -> Shown:
    """What ``show`` makes of the first file that still has the picture and that it can use; nothing is fetched.

    Args:
        picture: whose names are tried, in their order.
        settings: what a file may have, in bytes and pixels.
        show: is given a file and the limits; raises VisopError if it cannot use it.
        otherwise: returned if there is no such file.
    """
    for name in picture.names:
        if (path := path_of(name)) is not None:
            try:
                data = read_bytes(path, settings.max_image_bytes)
                if hashlib.sha256(data).hexdigest() == picture.id:  # else it is another picture by now
                    return show(data, ImageLimits.of(settings))
            except VisopError:
                continue
    return otherwise

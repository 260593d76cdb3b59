"""Read a picture of an index to show it, from whichever of its files can still be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from visop.errors import VisopError
from visop.images.decode import ImageLimits
from visop.search.originals.reading import read_kept
from visop.search.reader import read_bytes
from visop.search.schema import Picture
from visop.settings import Settings
from visop.sources import path_of

Shown = TypeVar("Shown")


def first_readable(
    picture: Picture, settings: Settings, show: Callable[[bytes, ImageLimits], Shown], otherwise: Shown
) -> Shown:
    """What ``show`` makes of the first file that still has the picture and that it can use.

    Nothing is fetched from the web. A copy that the index keeps is read, where there is one.

    Args:
        picture: whose names are tried, in their order, and then its copy.
        settings: what a file may have, in bytes and pixels.
        show: is given a file and the limits; raises VisopError if it cannot use it.
        otherwise: returned if there is no such file.
    """
    for read in _ways_to_read(picture, settings.max_image_bytes):
        try:
            data = read()
            if hashlib.sha256(data).hexdigest() == picture.id:  # else it is another picture by now
                return show(data, ImageLimits.of(settings))
        except VisopError:
            continue
    return otherwise


def _ways_to_read(picture: Picture, max_bytes: int) -> Iterator[Callable[[], bytes]]:
    for path in filter(None, map(path_of, picture.names)):
        yield partial(read_bytes, path, max_bytes)
    if picture.kept:
        yield partial(read_kept, picture, max_bytes)

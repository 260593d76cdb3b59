"""Small versions of pictures, made when a picture is first looked at, and kept in the cache folder.

They are not made while indexing, because most pictures of a large index are never looked at, and many indexes have no
page. A thumbnail is kept under the digest of its picture, so it never becomes stale. The folder may be deleted at any
time. When it is full, the oldest thumbnails are deleted.
"""

from __future__ import annotations

import io
import logging
import threading
from pathlib import Path

from visop.images.decode import ImageLimits
from visop.images.thumbnail import thumbnail
from visop.machine import usable_cores
from visop.search.schema import Picture
from visop.web.bounded_folder import BoundedFolder
from visop.web.originals import Originals

logger = logging.getLogger("visop.web")

_QUALITY = 80

# About 30,000 thumbnails of 320 pixels.
_MAX_BYTES = 512 << 20


#: Pixels that a thumbnail is wide or high at most: for a grid, and for a picture alone.
SIDES = (320, 1280)


class Thumbnails:
    """Makes and keeps thumbnails. May be used from several threads.

    Args:
        folder: where they are kept.
        originals: opens the pictures that they are made from.
        limits: on the pictures that are decoded.
    """

    def __init__(self, folder: Path, originals: Originals, limits: ImageLimits) -> None:
        self._kept, self._originals, self._limits = BoundedFolder(folder, _MAX_BYTES), originals, limits
        # Browsers ask for many at once, and the model needs the cores, too.
        self._busy = threading.BoundedSemaphore(usable_cores())

    def drop(self, id_: str) -> None:
        """Delete what is kept of a picture that left the index."""
        for side in SIDES:
            self._kept.drop(_name_of(id_, side))

    def get(self, picture: Picture, side: int) -> bytes:
        """The thumbnail as a WebP file: upright, RGB, at most ``side`` pixels wide and high, without metadata.

        Raises:
            VisopError: the picture's file is gone, cannot be fetched now, or can no longer be decoded.
        """
        name = _name_of(picture.id, side)
        if (kept := self._kept.read(name)) is not None:
            return kept
        made = io.BytesIO()
        # A picture from the web is fetched before its turn to be decoded; a file on disk is read only then.
        with self._originals.open(picture) as file, self._busy:
            thumbnail(file.read(), self._limits, side).save(made, "WEBP", quality=_QUALITY)
        self._keep(name, made.getvalue())
        return made.getvalue()

    def _keep(self, name: str, data: bytes) -> None:
        """Write it to the folder. If that fails it is made again the next time."""
        try:
            self._kept.keep(name, data)
        except OSError as error:
            logger.warning("a thumbnail could not be kept: %s: %s", self._kept.folder, error.strerror)


def _name_of(id_: str, side: int) -> str:
    return f"{side}/{id_[:2]}/{id_}.webp"

"""Small versions of pictures, made when somebody first looks at one, and kept in the cache folder.

Not made while indexing: most pictures of a large index are never looked at, and many an index has no page. A thumbnail
is kept under the digest of its picture, so it never grows old; the folder may be deleted at any time, and loses those
that were made first when it is full.
"""

from __future__ import annotations

import io
import logging
import threading
from pathlib import Path

from visop.images.decode import ImageLimits
from visop.images.thumbnail import thumbnail
from visop.machine import usable_cores
from visop.search.milvus.schema import Picture
from visop.web.bounded_folder import BoundedFolder
from visop.web.originals import Originals

_log = logging.getLogger("visop.web")

_QUALITY = 80

# Some 30,000 of 320 pixels.
_MAX_BYTES = 512 << 20


class Thumbnails:
    """May be used from several threads.

    Args:
        folder: where they are kept.
        originals: what they are made from.
        limits: what is decoded.
    """

    def __init__(self, folder: Path, originals: Originals, limits: ImageLimits) -> None:
        self._kept, self._originals, self._limits = BoundedFolder(folder, _MAX_BYTES), originals, limits
        # Browsers ask for many at once, and the model wants its cores, too.
        self._busy = threading.BoundedSemaphore(usable_cores())

    def get(self, picture: Picture, side: int) -> bytes:
        """A WebP file, upright, RGB, neither side above ``side`` pixels, without the metadata of the picture.

        Raises:
            VisopError: the picture's file is gone, cannot be fetched now, or cannot be decoded any more.
        """
        name = f"{side}/{picture.id[:2]}/{picture.id}.webp"
        if (kept := self._kept.read(name)) is not None:
            return kept
        made = io.BytesIO()
        # What is fetched is waited for before; what is on disk is read only when it is its turn.
        with self._originals.open(picture) as file, self._busy:
            thumbnail(file.read(), self._limits, side).save(made, "WEBP", quality=_QUALITY)
        self._keep(name, made.getvalue())
        return made.getvalue()

    def _keep(self, name: str, data: bytes) -> None:
        """Where it cannot be written, it is made again."""
        try:
            self._kept.keep(name, data)
        except OSError as error:
            _log.warning("without the cache of thumbnails: %s: %s", self._kept.folder, error.strerror)

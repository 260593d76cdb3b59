"""Small versions of pictures, made when somebody first looks at one, and kept in the cache folder.

Not made while indexing: most pictures of a large index are never looked at, and many an index has no page. A thumbnail
is kept under the digest of its picture, so it never grows old; the folder may be deleted at any time.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

from opkit.cores import usable_cores
from opkit.inputs.images import ImageLimits
from opkit.search.pictures import thumbnail
from opkit.search.schema import Picture
from opkit.web.originals import Originals

_log = logging.getLogger("opkit.web")

_QUALITY = 80


class Thumbnails:
    """May be used from several threads.

    Args:
        folder: where they are kept.
        originals: what they are made from.
        limits: what is decoded.
    """

    def __init__(self, folder: Path, originals: Originals, limits: ImageLimits) -> None:
        self._folder, self._originals, self._limits = folder, originals, limits
        # Browsers ask for many at once, and the model wants its cores, too.
        self._busy = threading.BoundedSemaphore(usable_cores())

    def get(self, picture: Picture, side: int) -> bytes:
        """A WebP file, upright, RGB, neither side above ``side`` pixels, without the metadata of the picture.

        Raises:
            OperatorError: the picture's file is gone, or cannot be decoded any more.
        """
        path = self._folder / str(side) / picture.id[:2] / f"{picture.id}.webp"
        with suppress(OSError):
            return path.read_bytes()
        with self._busy:
            file = io.BytesIO()
            thumbnail(self._originals.read(picture), self._limits, side).save(file, "WEBP", quality=_QUALITY)
        self._keep(path, file.getvalue())
        return file.getvalue()

    def _keep(self, path: Path, data: bytes) -> None:
        """Whole or not at all. Where it cannot be written, it is made again."""
        part = path.with_suffix(f".{threading.get_ident()}-{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            _log.warning("without the cache of thumbnails: %s: %s", self._folder, error.strerror)

"""The files of pictures as callers get them: beyond this machine, without where and when they were taken."""

from __future__ import annotations

import io
import threading
from typing import BinaryIO

from visop.images.decode import ImageLimits
from visop.images.metadata.without import without_metadata
from visop.machine import usable_cores
from visop.search.schema import Picture
from visop.web.originals import Originals


class Published:
    """Opens the files of pictures. May be used from several threads.

    Args:
        originals: opens them as they were indexed.
        limits: on files that have to be decoded, because metadata cannot be taken out of their format.
        whole: whether they are served as they are.
    """

    def __init__(self, originals: Originals, limits: ImageLimits, *, whole: bool) -> None:
        self._originals, self._limits, self._whole = originals, limits, whole
        self._busy = threading.BoundedSemaphore(usable_cores())

    def open(self, picture: Picture) -> BinaryIO:
        """The caller closes it.

        Raises:
            VisopError: as ``Originals.open``; or it has to be decoded, and is not an image within the limits.
        """
        file = self._originals.open(picture)
        if self._whole:
            return file
        with file, self._busy:
            return io.BytesIO(without_metadata(file.read(), self._limits))

    def version(self, picture: Picture) -> str:
        """A name for the content of the file: one that a browser has kept with its metadata is another one."""
        return picture.id if self._whole else f"{picture.id}-without-metadata"

"""The files of pictures that are in an index, by their content.

A name in an index is where a picture was. What is there now may be anything, so nothing is handed out whose digest is
not the one that was indexed: nobody gets another file by putting it, or a link to it, where a picture was.
"""

from __future__ import annotations

import hashlib
from typing import Self

from opkit.errors import OperatorError
from opkit.inputs.fetch import Fetcher
from opkit.search.reader import path_of, read_bytes
from opkit.search.schema import Picture
from opkit.settings import Settings
from opkit.web.faults import NotFound

# Of the names of one content that are tried: each may be a disk or a web server that does not answer.
_MOST_NAMES = 8

# How a file begins -> what a browser is told that it is. Anything else is a download.
_MEDIA_TYPES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}

# Not of the module mimetypes, which knows some of them only where the system has a list.
_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
}


class Originals:
    """Reads files and URLs; may be used from several threads. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fetcher = Fetcher.of(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._fetcher.close()

    def read(self, picture: Picture) -> bytes:
        """The file, exactly as it was indexed.

        Raises:
            NotFound: none of its names leads to this content any more.
        """
        for name in picture.names[:_MOST_NAMES]:
            data = self._read(name)
            if data is not None and hashlib.sha256(data).hexdigest() == picture.id:
                return data
        raise NotFound("the picture is in the index, but its file is gone or has changed")

    def has(self, picture: Picture) -> bool:
        """Whether ``read`` would find it."""
        try:
            self.read(picture)
        except NotFound:
            return False
        return True

    def _read(self, name: str) -> bytes | None:
        path = path_of(name)
        try:
            if path is not None:
                return read_bytes(path, self._settings.max_image_bytes)
            return self._fetcher.fetch(name) if self._settings.fetch else None
        except OperatorError:
            return None


def media_type_of(data: bytes) -> str:
    """What a file is, by how it begins."""
    found = (media_type for start, media_type in _MEDIA_TYPES.items() if data.startswith(start))
    return next(found, "application/octet-stream")


def suffix_of(data: bytes) -> str:
    """What the name of a file ends with, by how it begins; empty if it is of no known kind."""
    return _SUFFIXES.get(media_type_of(data), "")

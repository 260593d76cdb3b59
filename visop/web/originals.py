"""The files of pictures that are in an index, by their content.

A name in an index is where a picture was. What is there now may be anything, so nothing is handed out whose digest is
not the one that was indexed: nobody gets another file by putting it, or a link to it, where a picture was.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from typing import BinaryIO, Self

from visop.errors import NotFound
from visop.search.milvus.schema import Picture
from visop.search.reader import path_of
from visop.settings import Settings
from visop.web.web_files import WebFiles

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
    """Opens files and URLs; may be used from several threads. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self._max_bytes, self._web = settings.max_image_bytes, WebFiles(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def open(self, picture: Picture) -> BinaryIO:
        """The file, exactly as it was indexed, from its beginning. To be closed: what is fetched takes up room.

        Raises:
            NotFound: none of its names leads to this content any more.
            Overloaded: too much is being fetched.
        """
        paths = {name: path_of(name) for name in picture.names}
        for path in paths.values():
            if path is not None and (file := self._open_checked(path, picture.id)):
                return file
        if file := self._web.open(picture.id, [name for name, path in paths.items() if path is None]):
            return file
        raise NotFound("the picture is in the index, but its file is gone or has changed")

    def has(self, picture: Picture) -> bool:
        """Whether ``open`` would find it."""
        try:
            self.open(picture).close()
        except NotFound:
            return False
        return True

    def _open_checked(self, path: str, id_: str) -> BinaryIO | None:
        """What is open stays what was checked, whatever comes to its path."""
        with suppress(OSError, ValueError):  # ValueError: a NUL inside
            facts = os.stat(path)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > self._max_bytes:  # a pipe would be waited for
                return None
            file = open(path, "rb")  # noqa: SIM115 - handed on
            if hashlib.file_digest(file, "sha256").hexdigest() == id_:
                file.seek(0)
                return file
            file.close()
        return None


def media_type_of(data: bytes) -> str:
    """What a file is, by how it begins: the first 16 bytes are enough."""
    found = (media_type for start, media_type in _MEDIA_TYPES.items() if data.startswith(start))
    return next(found, "application/octet-stream")


def suffix_of(data: bytes) -> str:
    """What the name of a file ends with, by how it begins; empty if it is of no known kind."""
    return _SUFFIXES.get(media_type_of(data), "")

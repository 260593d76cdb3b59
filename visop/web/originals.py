"""The files of pictures that are in an index, by their content.

A name in an index says where a picture was when it was indexed. Anything may be there now, so a file is sent only if
its digest is the indexed one: putting another file, or a link to one, where a picture was does not expose it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from functools import partial
from typing import BinaryIO, Self

from visop.errors import NotFound
from visop.http.problems import Gone
from visop.search.originals.reading import read_kept
from visop.search.presence import is_gone
from visop.search.schema import Picture
from visop.settings import Settings
from visop.sources import path_of
from visop.web.web_files import WebFiles

_GONE = "the picture is in the index, but its file is gone or has changed"


class Originals:
    """Opens the files and URLs of pictures. A context manager; may be used from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._max_bytes, self._web = settings.max_image_bytes, WebFiles(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def open(self, picture: Picture) -> BinaryIO:
        """Open the picture's file, with exactly the bytes that were indexed. The caller closes it.

        Raises:
            Gone: no file of the picture has these bytes any more.
            NotFound: the same of a picture from the web, or of which a copy is kept: it may be back later.
            Overloaded: too many files are open that were fetched.
        """
        paths = {name: path_of(name) for name in picture.names}
        for path in paths.values():
            if path is not None and (file := self._open_checked(path, picture.id)):
                return file
        urls = [name for name, path in paths.items() if path is None]
        read_copy = partial(read_kept, picture, self._max_bytes) if picture.kept else None
        if file := self._web.open(picture.id, urls, read_copy):
            return file
        if urls or picture.kept:
            raise NotFound("the picture is in the index, but cannot be fetched now")
        raise Gone(_GONE)

    def check(self, picture: Picture) -> None:
        """Raise Gone if the picture's files are gone, as far as that shows without reading them."""
        if is_gone(picture):
            raise Gone(_GONE)

    def has(self, picture: Picture) -> bool:
        """Whether ``open`` would succeed."""
        try:
            self.open(picture).close()
        except NotFound:
            return False
        return True

    def _open_checked(self, path: str, id_: str) -> BinaryIO | None:
        """Open a file and then check it: the open file cannot be exchanged for another, as its path can."""
        with suppress(OSError, ValueError):  # ValueError: the path contains a NUL
            facts = os.stat(path)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > self._max_bytes:  # reading a pipe would block
                return None
            file = open(path, "rb")  # noqa: SIM115 - handed on
            if hashlib.file_digest(file, "sha256").hexdigest() == id_:
                file.seek(0)
                return file
            file.close()
        return None

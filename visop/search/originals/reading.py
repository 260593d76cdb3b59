"""Read a copy that an index keeps."""

from __future__ import annotations

import hashlib
from typing import Any

from visop.errors import ImageTooLarge
from visop.search.errors import OriginalsMissing
from visop.search.originals.address import is_ours
from visop.search.originals.filesystem import filesystem_of, translated
from visop.search.schema import Picture


def read_kept(picture: Picture, max_bytes: int) -> bytes:
    """Return the file of a picture, with exactly the bytes that were indexed, from the copy that is kept of it.

    Raises:
        OriginalsMissing: there is none, or it was changed.
        OriginalsError: it cannot be read now.
        ImageTooLarge: it has more bytes.
    """
    if not is_ours(picture.kept, picture.id):
        raise OriginalsMissing("no copy of the picture is kept")
    data = read_from(filesystem_of(picture.kept), picture.kept, max_bytes)
    if hashlib.sha256(data).hexdigest() != picture.id:
        raise OriginalsMissing(f"{picture.kept}: holds another content now")
    return data


def read_from(files: Any, address: str, max_bytes: int) -> bytes:
    """Return an object of a file system of fsspec. Raises as ``read_kept``."""
    with translated(address):
        if int(files.size(address)) > max_bytes:
            raise ImageTooLarge(f"more than {max_bytes} bytes, which is the limit for one image")
        data: bytes = files.cat_file(address)
    return data

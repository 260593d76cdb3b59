"""Whether the files of a picture are still where they were when it was indexed."""

from __future__ import annotations

import os

from visop.search.milvus.schema import Picture
from visop.sources import path_of


def is_gone(picture: Picture) -> bool:
    """Whether no file of a picture is there any more, or each has another size now.

    Addresses are not asked: a picture that has one is taken to be there. So is a file that cannot be examined now.
    """
    return not any(_is_there(name, picture.bytes) for name in picture.names)


def _is_there(name: str, size: int) -> bool:
    path = path_of(name)
    try:
        return path is None or os.stat(path).st_size == size
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True

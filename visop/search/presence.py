"""Whether the files that an index names are still where they were when it was filled."""

from __future__ import annotations

import os

from visop.search.schema import Picture
from visop.sources import path_of

# In place of a size.
_NOTHING = -1


def is_gone(picture: Picture) -> bool:
    """Whether no file of a picture is there any more, or each has another size now.

    Addresses are not asked: a picture that has one, or of which the index keeps a copy, is taken to be there. So is a
    file that cannot be examined now.
    """
    return not picture.kept and not any(_is_there(name, picture.bytes) for name in picture.names)


def is_missing(name: str) -> bool:
    """Whether a name is a path, and there is nothing at it; one that cannot be examined now may be there."""
    return _size_at(name) == _NOTHING


def leads_somewhere(name: str) -> bool:
    """Whether a name is an address, or the path of something that can be seen to be there."""
    path = path_of(name)
    return path is None or os.path.exists(path)


def _is_there(name: str, size: int) -> bool:
    return _size_at(name) in (size, None)


def _size_at(name: str) -> int | None:
    """Return the size of the file of a name, ``_NOTHING`` if there is none, None if nobody can say."""
    path = path_of(name)
    try:
        return os.stat(path).st_size if path is not None else None
    except (FileNotFoundError, NotADirectoryError):
        return _NOTHING
    except (OSError, ValueError):
        return None

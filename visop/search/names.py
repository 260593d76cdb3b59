"""The names of indexes, and of the collections that hold them: ``photos`` is in ``photos__1``, ``photos__2``, ..."""

from __future__ import annotations

import re

from visop.errors import UsageError

#: As a pattern for JSON schemas; there are 200 characters at most.
NAME_PATTERN = "^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*_?$"

MAX_CHARS = 200

#: What the pattern and the length mean.
NAME_RULE = f"must be letters, digits and single underscores, at most {MAX_CHARS}, and begin with a letter"

_NAME = re.compile(NAME_PATTERN)


def check_name(index: str) -> None:
    """Raise UsageError for a name that a store would not take."""
    if not _NAME.fullmatch(index) or len(index) > MAX_CHARS:
        raise UsageError("name", index, NAME_RULE)


def collection_name(index: str, number: int) -> str:
    """``photos``, 2 -> ``photos__2``."""
    return f"{index}__{number}"


def split_name(collection: str) -> tuple[str, int]:
    """``photos__2`` -> ``photos``, 2; number 0 if it is no collection of ours."""
    index, _, number = collection.rpartition("__")
    return (index, int(number)) if index and number.isdecimal() else (collection, 0)

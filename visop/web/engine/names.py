"""The names of operators, instances, pipelines, applications, fields and buckets, and of the indexes of fields."""

from __future__ import annotations

import re
import uuid

from visop.http.engine_errors import EngineError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MOST_FIELD_CHARS = 100

# Of paths, where a name could stand.
_TAKEN = ("register", "fetch")

#: Of a search, beside the fields.
SCORE_MODE = "score_mode"


def check_name(what: str, name: str) -> None:
    """Raise EngineError for a name that nothing can have.

    Args:
        what: has the name, such as ``pipeline``.
        name: as it stands in a path or a body.
    """
    if not _NAME.fullmatch(name):
        rule = "must be letters, digits, '_', '-' and '.', at most 100, and begin with a letter, a digit or '_'"
        raise EngineError("ArgsCheckError", f"the name of the {what} {name[:100]!r}: {rule}")
    if name in _TAKEN:
        raise EngineError("ArgsCheckError", f"the name of the {what} {name}: means something else in a path")


def check_field(name: str) -> None:
    """Raise EngineError for a name that no field of an application can have."""
    if name == SCORE_MODE:
        raise EngineError("ArgsCheckError", f"field {SCORE_MODE}: means something else in a search")
    if not name.isprintable() or not 1 <= len(name) <= _MOST_FIELD_CHARS or "/" in name or name in (".", ".."):
        rule = f"must be 1 to {_MOST_FIELD_CHARS} characters that can be printed, without '/'"
        raise EngineError("ArgsCheckError", f"field {name[:100]!r}: {rule}")


def check_bucket(name: str) -> None:
    """Raise EngineError for a name that no bucket of S3 can have."""
    if not _BUCKET.fullmatch(name) or ".." in name:
        rule = "must be 3 to 63 lowercase letters, digits, '-' and '.', as for S3"
        raise EngineError("ArgsCheckError", f"s3Bucket {name[:100]!r}: {rule}")


def index_name(application: str, field: str) -> str:
    """Make the name of an index that tells what it is of, and that no other one has: ``art_image_1f0c9a7e5b2d``."""
    words = re.findall(r"[A-Za-z0-9]+", f"{application} {field}"[:100])
    if not words or not words[0][0].isalpha():
        words.insert(0, "application")
    return "_".join([*words, uuid.uuid4().hex[:12]])

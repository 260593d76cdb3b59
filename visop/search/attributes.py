"""The attributes of pictures: facts of the user's own, each with a type, that a filter can use by their names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from visop.errors import UsageError

Attribute: TypeAlias = str | float | bool | int

#: Of one index.
MAX_ATTRIBUTES = 64

#: Bytes of a text in UTF-8, so that all texts of a picture fit into one row of any store.
MAX_TEXT_BYTES = 512

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

# What filters can use by name already, or may one day; and the words of the language that filters are written in.
_FIELDS = frozenset(
    ("id", "names", "width", "height", "bytes", "modified", "added", "vector", "picture", "part", "parts", "number")
).union(("box", "x", "y", "w", "h", "label", "score", "keypoints"))
_WORDS = frozenset(("and", "or", "not", "in", "like", "is", "null", "true", "false", "exists", "meta"))

_LEAST, _MOST = -(2**63), 2**63 - 1


class AttributeType(StrEnum):
    """What an attribute is."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    #: Whole seconds since 1970, in UTC.
    TIME = "time"


Declared: TypeAlias = Mapping[str, AttributeType]


def check_declared(declared: Declared) -> None:
    """Raise UsageError for attributes that an index cannot have."""
    if len(declared) > MAX_ATTRIBUTES:
        raise UsageError("attributes", len(declared), f"an index has at most {MAX_ATTRIBUTES} attributes")
    for name in declared:
        if not _NAME.fullmatch(name):
            rule = "the name of an attribute is letters, digits and underscores, at most 64, and begins with a letter"
            raise UsageError("attributes", name, rule)
        if name.lower() in _FIELDS:
            raise UsageError("attributes", name, "is a field that every index has; take another name")
        if name.lower() in _WORDS or name.lower().startswith(("array_", "json_")):
            raise UsageError("attributes", name, "is a word of the language of filters; take another name")


def check_has(there: Declared, wanted: Declared) -> None:
    """Raise UsageError if an index with the attributes that are there lacks some, or has another type of them."""
    for name, type_ in wanted.items():
        if name not in there:
            has = ", ".join(there) or "none"
            why = "the index has no such attribute, and gets none after it was made, as a new one would"
            raise UsageError("attributes", name, f"{why}; it has: {has}")
        if there[name] != type_:
            raise UsageError("attributes", name, f"is a {there[name]} in the index, not a {type_}")


def check_names(names: Iterable[str], declared: Declared) -> None:
    """Raise UsageError for a name that is none of a declared attribute."""
    for name in names:
        if name not in declared:
            there = ", ".join(declared) or "none"
            raise UsageError("attributes", name, f"the index has no such attribute; it has: {there}")


def check_attributes(values: Mapping[str, Attribute], declared: Declared) -> None:
    """Raise UsageError for values that are not those of declared attributes. A picture need not have all of them."""
    check_names(values, declared)
    for name, value in values.items():
        if why := _objection(value, declared[name]):
            raise UsageError("attributes", f"{name}={value!r}"[:200], why)


def _objection(value: object, type_: AttributeType) -> str:
    """What is wrong with a value; empty if nothing is."""
    match type_:
        case AttributeType.STRING:
            return _objection_to_text(value) if isinstance(value, str) else "must be a string"
        case AttributeType.BOOLEAN:
            return "" if isinstance(value, bool) else "must be true or false"
        case AttributeType.TIME:
            is_time = isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _MOST
            return "" if is_time else "must be a time: whole seconds since 1970"
        case AttributeType.NUMBER:
            return "" if _is_number(value) else "must be a finite number, a whole one of at most 64 bits"


def _objection_to_text(value: str) -> str:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "must be text that UTF-8 can hold"
    return "" if size <= MAX_TEXT_BYTES else f"has {size} bytes; at most {MAX_TEXT_BYTES} are kept"


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return _LEAST <= value <= _MOST
    return isinstance(value, float) and math.isfinite(value)

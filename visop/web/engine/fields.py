"""The fields of an application: what is declared, and what is given for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from visop.errors import UsageError
from visop.http.engine_errors import EngineError
from visop.web.engine.names import check_field
from visop.web.engine.picture import Given, ReadOwn

PIPELINE = "pipeline"
_MOST_FIELDS = 64
_MOST_TEXT = 10_000
_LARGEST = 2**63 - 1


def check_declared(fields: Mapping[str, Any]) -> None:
    """Check the fields that an application is to have.

    Raises:
        EngineError: one has no such name or type or no fitting value, there are too many, or none is of a pipeline.
    """
    if len(fields) > _MOST_FIELDS:
        raise EngineError("ArgsCheckError", f"{len(fields)} fields, the limit is {_MOST_FIELDS}")
    for name, field in fields.items():
        check_field(name)
        if not isinstance(field, dict) or "type" not in field or "value" not in field:
            raise EngineError("ArgsCheckError", f"field {name}: must have type and value")
        check_value(name, field["type"], field["value"])
    if not any(field["type"] == PIPELINE for field in fields.values()):
        raise EngineError("ArgsCheckError", "fields: at least one must be of the type pipeline")


def check_value(name: str, type_: object, value: object) -> None:
    """Raise EngineError for a type that no field has, or a value that is not of it."""
    if not isinstance(type_, str) or type_ not in _FITS:
        raise EngineError("ArgsCheckError", f"field {name}: the type must be one of {', '.join(_FITS)}")
    if not _FITS[type_](value):
        raise EngineError("ArgsCheckError", f"field {name}: the value is no {type_}, or too large")


def pictures_of(declared: Mapping[str, Any], given: Mapping[str, Any], read_own: ReadOwn) -> dict[str, Given]:
    """The pictures that are given for fields of pipelines, in the order of the application.

    Args:
        declared: the fields of the application.
        given: for them.
        read_own: reads what is behind an address of this server.

    Raises:
        EngineError: none is given.
        UsageError: there is no such field, or one has neither ``data`` nor ``url``.
    """
    for name in given:
        if name not in declared:
            raise UsageError("fields", "", f"there is no field {name[:100]!r} in the application")
    wanted = [name for name, field in declared.items() if field["type"] == PIPELINE and given.get(name) is not None]
    if not wanted:
        raise EngineError("NoneValidFieldError", "fields: a picture is needed for a field of the type pipeline")
    return {name: given_picture(f"fields.{name}", given[name], read_own) for name in wanted}


def given_picture(name: str, given: Any, read_own: ReadOwn) -> Given:
    """A picture by ``data`` or ``url``. Raises UsageError if it is given by neither."""
    data, url = (given.get(key) for key in ("data", "url")) if isinstance(given, dict) else (None, None)
    for key, value in (("data", data), ("url", url)):
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name}.{key}", "", "must be a string")
    if data:
        return Given(f"{name}.data", data, is_url=False)
    if url:
        own = read_own(url)
        return Given(f"{name}.url", url if own is None else own, is_url=own is None)
    raise UsageError(name, "", "must have data or url of a picture")


def values_of(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are given for other fields. Raises EngineError for one that does not fit, or is none."""
    found: dict[str, Any] = {}
    for name, field in declared.items():
        if field["type"] == PIPELINE or given.get(name) is None:
            continue
        if not isinstance(given[name], dict) or "value" not in given[name]:
            raise EngineError("ArgsCheckError", f"field {name}: must have a value")
        check_value(name, field["type"], given[name]["value"])
        found[name] = given[name]["value"]
    return found


def defaults_of(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The values that other fields have if none are given."""
    return {name: field["value"] for name, field in declared.items() if field["type"] != PIPELINE}


def weight_of(name: str, given: Mapping[str, Any]) -> float:
    """The weight of a field in a search. Raises UsageError if it is no number from 0."""
    weight = given.get("weight", 1)
    if not _is_number(weight) or not 0 <= weight <= _LARGEST:
        raise UsageError(f"fields.{name}.weight", "", "must be a number from 0")
    return float(weight)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_TEXT


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _is_number(value: object) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


_FITS = {PIPELINE: _is_text, "string": _is_text, "integer": _is_integer, "float": _is_number}

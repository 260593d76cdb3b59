"""What is wrong with a message, in our words: pydantic's would tell clients about pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What pydantic calls it (https://docs.pydantic.dev/latest/errors/validation_errors) -> what we say, with its context.
_WRONG = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field",
    "string_type": "must be a string",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "list_type": "must be a list",
    "too_long": "must have at most {max_length} elements",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


def complain(errors: Sequence[Mapping[str, Any]]) -> str:
    """Say what is wrong first; never the input itself.

    Args:
        errors: of a pydantic ``ValidationError``, at least one.
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        return "the body is not valid JSON"
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])[1:]
    what = _WRONG.get(first["type"], "is not valid").format(**first.get("ctx", {}))
    return f"{where[:80] or 'the body'}: {what}"

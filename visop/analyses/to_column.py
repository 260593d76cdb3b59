"""JSON as columns keep it: without what PostgreSQL refuses, which operators and callers may nevertheless send."""

from __future__ import annotations

import json
import math
from typing import Any

from visop.analyses.columns import clean


def to_column(value: Any) -> str:
    """Write JSON. Of numbers that are none, and of characters that no database can hold, nothing is left."""
    try:
        found = json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_clean(value))
    # All else that is no valid text is written as surrogates, too; those of pairs are left as they are.
    return json.dumps(_clean(value)) if "\\u0000" in found or "\\ud" in found else found


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {clean(name): _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list | tuple) else value

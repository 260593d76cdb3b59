"""Which arithmetic a model runs in. Imports no runtime."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal, get_args

from visop.errors import SettingsError
from visop.models.registry import ModelSpec, Precision

#: From the most exact to the fastest.
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def choose_precision(
    asked: Literal["auto"] | Precision, spec: ModelSpec, *, native: Set[Precision], device: str
) -> Precision:
    """Choose the arithmetic.

    Args:
        asked: the setting; auto takes the fastest that is native and leaves the model's vectors good for search.
        spec: the model.
        native: what the device has instructions for: emulating the others would only cost. f32 always is.
        device: what to call it in an error.

    Raises:
        SettingsError: what is asked for is not native, or is int8 and would ruin the model's vectors.
    """
    if asked == "auto":
        good = PRECISIONS[: PRECISIONS.index(spec.fastest) + 1]
        return next(precision for precision in reversed(good) if precision == "f32" or precision in native)
    if asked != "f32" and asked not in native:
        raise SettingsError(f"OP_PRECISION={asked}: not available on {device}; take f32 or auto")
    if asked == "int8" and not spec.has_int8:
        raise SettingsError(f"OP_PRECISION=int8: too little is left of the vectors of {spec.name}; take auto")
    return asked

"""Which arithmetic a model runs in. Imports no runtime."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal, get_args

from visop.errors import SettingsError
from visop.models.registry import ModelSpec, Precision

#: From the most exact to the fastest.
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_NO_RANGES = (
    "these weights come without the ranges that eight bits need; `visop convert` makes an encoder file of them with "
    "ranges, or take auto"
)


def choose_precision(
    asked: Literal["auto"] | Precision,
    spec: ModelSpec,
    *,
    native: Set[Precision],
    device: str,
    has_ranges: bool = False,
) -> Precision:
    """Choose the arithmetic.

    Args:
        asked: the setting; auto takes the fastest that is native and whose vectors can be searched together with those
            of other precisions.
        spec: the model.
        native: what the device has instructions for: emulating the others would only cost. f32 always is.
        device: what to call it in an error.
        has_ranges: whether the weights say the ranges that int8 takes.

    Raises:
        SettingsError: what is asked for is not native, or is int8 and would ruin the model's vectors or has no ranges.
    """
    if asked == "auto":
        there = {"f32", *native} - (set() if has_ranges else {"int8"})
        return [precision for precision in spec.space if precision in there][-1]
    if asked != "f32" and asked not in native:
        raise SettingsError("precision", asked, f"not available on {device}; take f32 or auto")
    if asked == "int8" and not spec.has_int8:
        raise SettingsError("precision", asked, f"too little is left of the vectors of {spec.name}; take auto")
    if asked == "int8" and not has_ranges:
        raise SettingsError("precision", asked, _NO_RANGES)
    return asked

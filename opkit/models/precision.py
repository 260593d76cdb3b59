"""Which arithmetic a model runs in. Imports no runtime."""

from __future__ import annotations

from typing import Literal

from opkit.errors import SettingsError
from opkit.models.registry import ModelSpec

Precision = Literal["f32", "bf16"]


def choose_precision(asked: Literal["auto", "f32", "bf16"], spec: ModelSpec, *, native: bool, device: str) -> Precision:
    """Choose the arithmetic.

    Args:
        asked: the setting; auto takes bf16 where it is native and the model's vectors stay the same for search.
        spec: the model.
        native: whether the device has instructions for bf16; emulating them would only cost.
        device: what to call it in an error.

    Raises:
        SettingsError: bf16 is asked for and the device has no instructions for it.
    """
    if asked == "bf16" and not native:
        raise SettingsError(f"OP_PRECISION=bf16: {device} has no bf16 instructions; take f32 or auto")
    if asked == "auto":
        return "bf16" if native and spec.keeps_vectors_in_bf16 else "f32"
    return asked

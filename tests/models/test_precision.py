from __future__ import annotations

import pytest

from opkit.errors import SettingsError
from opkit.models.precision import choose_precision
from opkit.models.registry import MODELS


def choose(asked: str, model: str, *, native: bool) -> str:
    return choose_precision(asked, MODELS[model], native=native, device="this processor")


def test_auto_takes_bf16_where_the_hardware_has_it_and_the_vectors_stay_the_same() -> None:
    assert choose("auto", "vgg19", native=True) == "bf16"
    assert choose("auto", "vgg19", native=False) == "f32"
    assert choose("auto", "mobilenetv2", native=True) == "f32"


def test_what_is_asked_for_is_taken() -> None:
    assert choose("f32", "vgg19", native=True) == "f32"
    assert choose("bf16", "mobilenetv2", native=True) == "bf16"


def test_bf16_on_hardware_without_it_is_refused() -> None:
    with pytest.raises(SettingsError, match="OP_PRECISION=bf16: this processor has no bf16 instructions"):
        choose("bf16", "vgg19", native=False)

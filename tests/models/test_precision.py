from __future__ import annotations

from collections.abc import Set

import pytest

from visop.errors import UsageError
from visop.models.precision import choose_precision
from visop.models.registry import MODELS, Precision

ALL: Set[Precision] = {"f32", "bf16", "int8"}


def choose(asked: str, model: str, native: Set[Precision]) -> str:
    return choose_precision(asked, MODELS[model], native=native, device="this processor")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "native", "expected"),
    [
        ("embedded", ALL, "int8"),
        ("embedded", {"f32", "bf16"}, "bf16"),
        ("embedded", {"f32"}, "f32"),
        ("vgg19", ALL, "bf16"),
        ("vgg19", {"f32", "int8"}, "f32"),
        ("mobilenetv2", ALL, "f32"),
    ],
)
def test_auto_takes_the_fastest_that_is_there_and_good_enough(
    model: str, native: Set[Precision], expected: str
) -> None:
    assert choose("auto", model, native) == expected


@pytest.mark.parametrize("asked", ["f32", "bf16", "int8"])
def test_what_is_asked_for_is_taken(asked: str) -> None:
    assert choose(asked, "vgg19", ALL) == asked


def test_int8_is_refused_where_it_would_ruin_the_vectors() -> None:
    with pytest.raises(UsageError, match="OP_PRECISION=int8: too little is left of the vectors of mobilenetv2"):
        choose("int8", "mobilenetv2", ALL)


@pytest.mark.parametrize("asked", ["bf16", "int8"])
def test_what_the_hardware_does_not_have_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match=f"OP_PRECISION={asked}: not available on this processor"):
        choose(asked, "vgg19", {"f32"})

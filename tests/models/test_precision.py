from __future__ import annotations

from collections.abc import Set

import pytest

from visop.errors import SettingsError, UsageError
from visop.models.precision import choose_precision
from visop.models.registry import MODELS, Precision

ALL: Set[Precision] = {"f32", "bf16", "int8"}


def choose(asked: str, model: str, native: Set[Precision], *, has_ranges: bool = True) -> str:
    return choose_precision(
        asked,  # type: ignore[arg-type]
        MODELS[model],
        native=native,
        device="this processor",
        has_ranges=has_ranges,
    )


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


def test_without_ranges_auto_takes_the_next_best() -> None:
    assert choose("auto", "embedded", ALL, has_ranges=False) == "bf16"
    assert choose("auto", "embedded", {"f32", "int8"}, has_ranges=False) == "f32"


def test_int8_without_ranges_is_refused_with_the_way_out() -> None:
    with pytest.raises(SettingsError, match=r"OP_PRECISION=int8: .* without the ranges .* `visop convert`"):
        choose("int8", "vgg19", ALL, has_ranges=False)


def test_int8_is_refused_where_it_would_ruin_the_vectors() -> None:
    with pytest.raises(UsageError, match="OP_PRECISION=int8: too little is left of the vectors of mobilenetv2"):
        choose("int8", "mobilenetv2", ALL)


@pytest.mark.parametrize("asked", ["bf16", "int8"])
def test_what_the_hardware_does_not_have_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match=f"OP_PRECISION={asked}: not available on this processor"):
        choose(asked, "vgg19", {"f32"})

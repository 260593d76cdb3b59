"""What the GPU engine decides; its vectors are in test_parity.py, from a process with TensorFlow in it."""

from __future__ import annotations

import pytest

from opkit.errors import SettingsError
from opkit.models.keras_engine import batch_sizes, choose_precision


@pytest.mark.parametrize(
    ("max_batch", "sizes"),
    [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8]), (64, [1, 2, 4, 8, 16, 32, 64])],
)
def test_batch_sizes_double_up_to_the_largest(max_batch: int, sizes: list[int]) -> None:
    assert batch_sizes(max_batch) == sizes


def test_auto_takes_bf16_from_ampere_on() -> None:
    assert choose_precision("auto", (8, 0)) == "bf16"
    assert choose_precision("auto", (7, 5)) == "f32"
    assert choose_precision("f32", (9, 0)) == "f32"


def test_bf16_on_an_older_gpu_is_refused() -> None:
    with pytest.raises(SettingsError, match="OP_PRECISION=bf16: a GPU of compute capability"):
        choose_precision("bf16", (7, 5))

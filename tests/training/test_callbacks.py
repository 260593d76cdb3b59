from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from opkit.errors import TrainingFailed
from opkit.training.callbacks import _refuse_collapse


def judge(*similarities: float) -> None:
    *before, last = [{"impostor_similarity": each} for each in similarities]
    _refuse_collapse(last, before)


@pytest.mark.parametrize(
    "similarities",
    [
        (0.999, 0.999, 0.999),  # new
        (0.9999, 0.999, 0.99, 0.985),  # from random weights, and still getting better
        (0.5, 0.6, 0.7, 0.97),
    ],
)
def test_what_may_still_become_something_goes_on(similarities: tuple[float, ...]) -> None:
    judge(*similarities)


@pytest.mark.parametrize(
    "similarities",
    [
        (0.3, 0.9, 0.99, 0.99),
        (0.991, 0.903, 0.9996, 0.9972),  # a little better than just before, worse than it was
        (0.99, 0.99, 0.99, 0.99),
    ],
)
def test_vectors_that_stay_alike_or_become_so_have_collapsed(similarities: tuple[float, ...]) -> None:
    with pytest.raises(TrainingFailed, match="collapsed"):
        judge(*similarities)

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from visop.errors import TrainingFailed
from visop.training.callbacks import refuse_collapse


def judge(*similarities: float, recalls: tuple[float, ...] = ()) -> None:
    epochs = [
        {"impostor_similarity": similarity, "val_recall": recall}
        for similarity, recall in zip(similarities, recalls or len(similarities) * (0.1,), strict=True)
    ]
    refuse_collapse(epochs)


@pytest.mark.parametrize(
    "similarities",
    [
        (0.999, 0.999, 0.999),  # new
        (0.9999, 0.999, 0.99, 0.985),  # from random weights, and still getting better
        (0.983, 0.959, 0.966, 0.98, 0.981, 0.982),  # from random weights, up and down
        (0.983, 0.959, 0.966, 0.984, 0.979),
        (0.5, 0.6, 0.7, 0.97),
    ],
)
def test_what_may_still_become_something_goes_on(similarities: tuple[float, ...]) -> None:
    judge(*similarities)


def test_what_finds_more_than_ever_has_not_collapsed() -> None:
    judge(0.983, 0.959, 0.985, 0.986, recalls=(0.2, 0.3, 0.3, 0.4))


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

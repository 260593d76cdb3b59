from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from visop.models.fingerprint import fingerprint, graph_key
from visop.models.registry import MODELS
from visop.models.weights import Weights

SPEC = MODELS["vgg19"]
WEIGHTS = Weights("imagenet", None, "ab" * 32)


def test_the_fingerprint_reads_as_what_it_stands_for() -> None:
    assert fingerprint(SPEC, WEIGHTS, "avg", "bilinear", "f32") == "vgg19-imagenet-avg-bilinear-f32-d55d19310021"


@pytest.mark.parametrize(
    "change",
    [
        {"spec": MODELS["vgg16"]},
        {"spec": replace(SPEC, height=256)},
        {"spec": replace(SPEC, preprocessing="tf")},
        {"weights": replace(WEIGHTS, sha256="cd" * 32)},
        {"pooling": "max"},
        {"resize": "nearest"},
        {"precision": "bf16"},
    ],
    ids=["model", "size", "preprocessing", "weights", "pooling", "resize", "precision"],
)
def test_whatever_changes_a_vector_changes_the_digest(change: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "spec": SPEC,
        "weights": WEIGHTS,
        "pooling": "avg",
        "resize": "bilinear",
        "precision": "f32",
    }
    before, after = fingerprint(**facts), fingerprint(**facts | change)
    assert before.rpartition("-")[2] != after.rpartition("-")[2]


def test_a_compiled_graph_belongs_to_weights_pooling_and_runtime() -> None:
    keys = {
        graph_key(SPEC, WEIGHTS, "avg", "openvino 1"),
        graph_key(SPEC, WEIGHTS, "max", "openvino 1"),
        graph_key(SPEC, WEIGHTS, "avg", "openvino 2"),
        graph_key(SPEC, replace(WEIGHTS, sha256="cd" * 32), "avg", "openvino 1"),
    }
    assert len(keys) == 4

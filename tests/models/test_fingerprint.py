from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from visop.models.fingerprint import fingerprint, graph_key, older_fingerprints
from visop.models.registry import MODELS, ModelSpec, Precision
from visop.models.weights import Weights

SPEC = replace(MODELS["vgg19"], space=("f32", "bf16"))
WEIGHTS = Weights("imagenet", None, "ab" * 32)


def test_the_fingerprint_reads_as_what_it_stands_for() -> None:
    assert fingerprint(SPEC, WEIGHTS, "avg", "bilinear", "f32") == "vgg19-imagenet-avg-bilinear-6829360f8e51"


@pytest.mark.parametrize(
    "change",
    [
        {"spec": MODELS["vgg16"]},
        {"spec": replace(SPEC, height=256)},
        {"spec": replace(SPEC, preprocessing="tf")},
        {"weights": replace(WEIGHTS, sha256="cd" * 32)},
        {"pooling": "max"},
        {"resize": "nearest"},
        {"precision": "int8"},
        {"spec": replace(SPEC, space=("f32", "bf16", "int8")), "weights": replace(WEIGHTS, ranges_sha256="ef" * 32)},
    ],
    ids=["model", "size", "preprocessing", "weights", "pooling", "resize", "precision apart", "ranges"],
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


def test_precisions_that_can_be_searched_together_have_one_name() -> None:
    assert name(SPEC, "f32") == name(SPEC, "bf16")
    assert name(SPEC, "int8").startswith("vgg19-imagenet-avg-bilinear-int8-")


def name(spec: ModelSpec, precision: Precision, weights: Weights = WEIGHTS) -> str:
    return fingerprint(spec, weights, "avg", "bilinear", precision)


def test_ranges_are_in_the_name_only_where_eight_bits_are_searched_together_with_others() -> None:
    with_ranges = replace(WEIGHTS, ranges_sha256="ef" * 32)
    together = replace(SPEC, space=("f32", "bf16", "int8"))
    assert name(SPEC, "f32", with_ranges) == name(SPEC, "f32")
    assert name(SPEC, "int8", with_ranges) != name(SPEC, "int8")
    assert name(together, "f32", with_ranges) == name(together, "int8", with_ranges) != name(together, "f32")


def test_the_names_that_opkit_gave_are_known() -> None:
    older = older_fingerprints(SPEC, WEIGHTS, "avg", "bilinear", "f32")
    assert "vgg19-imagenet-avg-bilinear-f32-d55d19310021" in older
    assert {each.split("-")[4] for each in older} == {"f32", "bf16"}
    own = replace(SPEC, constructor="visop.models.small_vgg:build_small_vgg", space=("f32",))
    assert {each.split("-")[4] for each in older_fingerprints(own, WEIGHTS, "avg", "bilinear", "bf16")} == {"bf16"}


def test_a_file_that_has_got_ranges_is_known_by_its_name_from_before() -> None:
    together = replace(SPEC, space=("f32", "bf16", "int8"))
    with_ranges = replace(WEIGHTS, ranges_sha256="ef" * 32)
    assert name(together, "f32") in older_fingerprints(together, with_ranges, "avg", "bilinear", "int8")


def test_a_compiled_graph_belongs_to_weights_pooling_and_runtime() -> None:
    keys = {
        graph_key(SPEC, WEIGHTS, "avg", "openvino 1"),
        graph_key(SPEC, WEIGHTS, "max", "openvino 1"),
        graph_key(SPEC, WEIGHTS, "avg", "openvino 2"),
        graph_key(SPEC, replace(WEIGHTS, sha256="cd" * 32), "avg", "openvino 1"),
    }
    assert len(keys) == 4

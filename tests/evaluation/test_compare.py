from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toys import NAN, ToyOperator
from visop.contract import Encoder
from visop.errors import ModelFailed, UsageError
from visop.evaluation.compare import calibration_from, calibration_of, compare
from visop.models.encoder_file import read_header
from visop.models.registry import Precision
from visop.models.selection import Selection
from visop.settings import Settings

CALIBRATION: dict[str, Any] = {
    "similarity": "cosine",
    "pairs": 1_001_000,
    "picture_pairs": 500_500,
    "pictures": 1001,
    "data": "holiday photos",
    "thresholds": [
        {"fpr": 1e-2, "similarity": 0.6, "recall": 0.99, "fpr_measured": 0.0099},
        {"fpr": 1e-3, "similarity": 0.8, "recall": 0.95, "fpr_measured": 0.00098},
    ],
}


def shaded(*colour: int) -> np.ndarray:
    """A picture with something on it: one half is darker and one lighter than this colour, which is the mean."""
    shade = np.minimum(10, np.minimum(colour, 255 - np.array(colour)))
    image = np.full((8, 8, 3), colour, np.uint8)
    image[:4] = colour - shade
    image[4:] = colour + shade
    return image


@pytest.mark.parametrize(
    ("other", "fpr", "is_copy"),
    [((8, 6, 0), 1e-3, True), ((79, 61, 0), 1e-3, False), ((79, 61, 0), 1e-2, True), ((0, 90, 0), 1e-2, False)],
    ids=["at the threshold", "below it", "above a lower one", "nothing alike"],
)
def test_the_verdict_is_that_of_the_threshold(other: tuple[int, int, int], fpr: float, is_copy: bool) -> None:
    result = compare(ToyOperator(), shaded(80, 0, 0), shaded(*other), calibration=CALIBRATION, fpr=fpr)
    cosine = other[0] / np.linalg.norm(other)
    assert result.similarity == pytest.approx(cosine, abs=1e-6)
    assert result.distance == pytest.approx(np.sqrt(2 - 2 * cosine), abs=1e-6)
    assert result.is_copy == is_copy


def test_there_is_no_verdict_on_a_picture_with_nearly_nothing_on_it() -> None:
    black, white = np.zeros((8, 8, 3), np.uint8) + 1, np.full((8, 8, 3), 255, np.uint8)
    for pair in ((black, white), (white, shaded(80, 80, 80)), (shaded(80, 80, 80), black)):
        result = compare(ToyOperator(), *pair, calibration=CALIBRATION)
        assert (round(result.similarity, 6), result.is_copy, result.nearly_empty) == (1, None, True)
        assert 0.0 in result.marked


def test_the_verdict_says_what_it_rests_on() -> None:
    trust = compare(ToyOperator(), shaded(1, 2, 3), shaded(1, 2, 3), calibration=CALIBRATION).trust
    assert trust is not None
    assert (trust.threshold, trust.fpr, trust.fpr_measured, trust.recall) == (0.8, 1e-3, 0.00098, 0.95)
    assert (trust.pairs, trust.picture_pairs, trust.pictures) == (1_001_000, 500_500, 1001)
    assert trust.data == "holiday photos"


def test_without_a_calibration_there_is_a_distance_and_no_verdict() -> None:
    result = compare(ToyOperator(), shaded(1, 2, 3), shaded(2, 4, 6))
    assert result.similarity == pytest.approx(1)
    assert (result.is_copy, result.trust) == (None, None)


def test_a_rate_without_a_threshold_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"fpr 0.0001: .* rates of 0.01, 0.001, on 500,500 pairs"):
        compare(ToyOperator(), shaded(1, 2, 3), shaded(1, 2, 3), calibration=CALIBRATION, fpr=1e-4)


@pytest.mark.parametrize("broken", [{}, {"thresholds": 3}, {"thresholds": [{"fpr": 1e-3}]}, {"thresholds": ["x"]}])
def test_a_damaged_card_is_an_error_and_no_verdict(broken: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="the calibration in the encoder's card"):
        compare(ToyOperator(), shaded(1, 2, 3), shaded(1, 2, 3), calibration=broken)


def test_a_picture_without_a_vector_is_an_error_and_no_verdict() -> None:
    with pytest.raises(ModelFailed):
        compare(ToyOperator(), shaded(*NAN), shaded(1, 2, 3), calibration=CALIBRATION)


def test_a_calibration_file_serves_the_encoder_that_it_was_measured_for(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    entries = {"other": {"fingerprint": "toy-2"}, "mine": {"fingerprint": "toy-1"}}
    file.write_text(json.dumps({name: entry | {"calibration": CALIBRATION} for name, entry in entries.items()}))
    assert calibration_from(file, ToyOperator()) == CALIBRATION

    class Unknown(ToyOperator):
        fingerprint = ""

    with pytest.raises(UsageError, match=r"nothing of fingerprint \(none\); it has toy-2, toy-1"):
        calibration_from(file, Unknown())


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {}}'])
def test_another_file_is_no_calibration(content: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(UsageError, match=r"c\.json: not a calibration\.json"):
        calibration_from(tmp_path / "c.json", ToyOperator())


def write_file(path: Path, weight: float, calibration: Mapping[str, Any] | None = None) -> Path:
    """A whole encoder file, whose network nobody loads."""
    from visop.models.encoder_file import write_encoder_file

    tensors = {"backbone/x/kernel": np.full((1, 2), weight, np.float32)}
    card = {"name": "mine", "calibration": calibration}
    write_encoder_file(path, model="vgg16", pooling="avg", dimension=512, tensors=tensors, card=card)
    return path


def fingerprint_of(settings: Settings, precision: Precision) -> str:
    return Selection.of(settings).fingerprint(precision)


@pytest.fixture
def encoder_file(tmp_path: Path) -> Path:
    """Calibrated in eight bits."""
    path = write_file(tmp_path / "mine.safetensors", 1.0)
    measured_with = fingerprint_of(Settings(weights=str(path)), "int8")
    return write_file(path, 1.0, CALIBRATION | {"fingerprint": measured_with})


def named(fingerprint: str) -> Encoder:
    operator = ToyOperator()
    operator.fingerprint = fingerprint
    return operator


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_the_card_is_used_for_the_encoder_that_it_was_measured_with_in_any_precision(
    precision: Precision, encoder_file: Path
) -> None:
    settings = Settings(weights=str(encoder_file))
    found = calibration_of(named(fingerprint_of(settings, precision)), settings)
    assert found is not None
    assert found["thresholds"] == CALIBRATION["thresholds"]


def test_the_card_is_used_whether_the_file_is_shipped_or_lies_elsewhere(encoder_file: Path) -> None:
    settings = Settings(weights=str(encoder_file))
    measured_with = fingerprint_of(settings, "int8").replace("vgg16-file-", "vgg16-shipped-")
    write_file(encoder_file, 1.0, CALIBRATION | {"fingerprint": measured_with})
    assert calibration_of(named(fingerprint_of(settings, "f32")), settings)


def test_the_card_is_not_used_for_pictures_that_were_resized_otherwise(
    encoder_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(weights=str(encoder_file), resize="nearest")
    assert calibration_of(named(fingerprint_of(settings, "f32")), settings) is None
    assert "was measured with vgg16-file-avg-bilinear-int8-" in caplog.text


def test_the_card_of_another_encoder_is_not_used(encoder_file: Path, tmp_path: Path) -> None:
    other = write_file(tmp_path / "other.safetensors", 2.0, read_header(encoder_file).card["calibration"])
    settings = Settings(weights=str(other))
    assert calibration_of(named(fingerprint_of(settings, "int8")), settings) is None


@pytest.mark.parametrize("calibration", [CALIBRATION, 3, CALIBRATION | {"fingerprint": [1]}])
def test_a_calibration_that_does_not_say_what_it_was_measured_with_is_not_used(
    calibration: Any, tmp_path: Path
) -> None:
    settings = Settings(weights=str(write_file(tmp_path / "old.safetensors", 1.0, calibration)))
    assert calibration_of(named(fingerprint_of(settings, "f32")), settings) is None


def test_the_card_is_not_used_for_an_operator_of_ones_own(encoder_file: Path) -> None:
    assert calibration_of(ToyOperator(), Settings(weights=str(encoder_file))) is None


def test_weights_that_have_no_card_have_no_calibration() -> None:
    assert calibration_of(ToyOperator(), Settings(model="vgg16", weights="random")) is None

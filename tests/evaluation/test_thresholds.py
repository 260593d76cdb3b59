"""Thresholds against a sorted list of all impostors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from visop.evaluation.thresholds import Impostors, calibrate


def impostors(values: np.ndarray, portions: int = 1) -> Impostors:
    counted = Impostors()
    for part in np.array_split(values, portions):
        counted.add(part)
    return counted


def threshold_of(counted: Impostors, fpr: float) -> float:
    return float(counted.thresholds([fpr])[0])


@pytest.mark.parametrize("fpr", [0.5, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("spread", [0.2, 1e-4], ids=["spread", "nearly collapsed"])
def test_a_threshold_lies_just_above_the_allowed_share_of_impostors(fpr: float, spread: float) -> None:
    values = np.clip(np.random.default_rng(1).normal(0.5, spread, 100_000), -1, 1).astype(np.float32)
    counted = impostors(values, portions=7)
    threshold = threshold_of(counted, fpr)
    allowed = np.sort(values)[::-1][round(fpr * 100_000)]  # the first one that must stay below
    assert 0 < threshold - allowed <= 2.0**-19
    assert counted.rate(threshold) == np.mean(values >= threshold) <= fpr


def test_impostors_that_cannot_be_told_apart_are_all_kept_out() -> None:
    counted = impostors(np.repeat(np.array([0.25, 0.5, 0.75], np.float32), 1000))
    assert threshold_of(counted, 0.34) == pytest.approx(0.5, abs=2.0**-19)
    assert counted.rate(threshold_of(counted, 0.34)) == pytest.approx(1 / 3)
    assert threshold_of(counted, 0.33) == pytest.approx(0.75, abs=2.0**-18)
    assert counted.rate(threshold_of(counted, 0.33)) == 0


def test_no_similarity_is_a_copy_when_too_many_impostors_have_one() -> None:
    counted = impostors(np.ones(1000))
    calibration = calibrate({"same": np.ones(10, np.float32)}, counted, pictures=2, data="", rates=[0.5])
    assert calibration.thresholds[0].similarity > 1
    assert calibration.thresholds[0].recall == 0


@pytest.mark.parametrize("edits", [1, 29])
def test_two_pictures_support_a_rate_once_however_many_copies_there_are_of_them(edits: int) -> None:
    # Pictures 0 to 141 make 142 * 141 / 2 = 10,011 pairs, and 141 pictures 9,870: ten are a thousandth of 10,000.
    for pictures, rates in ((142, [1e-2, 1e-3]), (141, [1e-2])):
        pairs = pictures * (pictures - 1) // 2
        both_ways = np.tile(np.random.default_rng(4).uniform(-0.5, 0.5, pairs), 2)
        true = {f"edit {number}": np.ones(pictures, np.float32) for number in range(edits)}
        calibration = calibrate(true, impostors(np.tile(both_ways, edits)), pictures=pictures, data="noise")
        assert calibration.picture_pairs == pairs
        assert [each.fpr for each in calibration.thresholds] == rates
        assert calibration.least_fpr == 10 / pairs


def test_a_calibration_has_the_rates_that_its_pairs_support_and_names_the_others() -> None:
    rng = np.random.default_rng(2)
    true = {"mirror": np.array([0.9, 0.95, 0.2, 0.99], np.float32), "crop": np.array([0.8, 0.1], np.float32)}
    calibration = calibrate(true, impostors(rng.uniform(-0.5, 0.5, 40_000)), pictures=101, data="noise")
    assert [each.fpr for each in calibration.thresholds] == [1e-2, 1e-3]
    assert calibration.unsupported == (1e-4,)
    assert calibration.thresholds[1].recalls == {"mirror": 0.75, "crop": 0.5}
    assert calibration.thresholds[1].recall == pytest.approx(4 / 6)


def test_the_card_is_plain_json_and_keeps_the_thresholds_exactly() -> None:
    values = np.random.default_rng(3).uniform(-1, 1, 20_000)
    calibration = calibrate(
        {"same": np.ones(3, np.float32)}, impostors(values), pictures=50, data="noise", fingerprint="e-1"
    )
    card = json.loads(json.dumps(calibration.card()))
    assert card.keys() == {"fingerprint", "similarity", "pairs", "picture_pairs", "pictures", "data", "thresholds"}
    assert (card["similarity"], card["pairs"], card["picture_pairs"], card["pictures"]) == (
        "cosine",
        20_000,
        10_000,
        50,
    )
    assert card["fingerprint"] == "e-1"
    assert card["thresholds"][0].keys() == {"fpr", "similarity", "recall", "fpr_measured"}
    assert card["thresholds"][0]["similarity"] == calibration.thresholds[0].similarity


def test_a_histogram_holds_every_pair() -> None:
    counts = impostors(np.array([-1, -0.9, 0.3, 1, 1.0000001], np.float32)).histogram([-1, -0.5, 0, 0.1, 1.1])
    assert counts.tolist() == [2, 0, 0, 3]


def test_no_pairs_support_no_rate() -> None:
    calibration = calibrate({"same": np.ones(3, np.float32)}, Impostors(), pictures=3, data="")
    assert calibration.least_fpr == np.inf
    assert calibration.thresholds == ()
    with pytest.raises(ValueError, match="no impostor pairs"):
        Impostors().thresholds([0.5])

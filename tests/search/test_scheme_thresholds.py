import pytest

from visop.errors import UsageError
from visop.search.scheme_thresholds import scheme_threshold, vectors_of_scheme


def entries(low, high):
    facts = {"recall": 0.9, "fpr_measured": 0.001}
    return [{"fpr": 1e-2, "similarity": low, **facts}, {"fpr": 1e-3, "similarity": high, **facts}]


CALIBRATION = {
    "pairs": 1000,
    "picture_pairs": 100,
    "pictures": 20,
    "data": "test",
    "thresholds": entries(0.3, 0.4),
    "schemes": {"regions:10": {"thresholds": entries(0.5, 0.6)}, "none thorough": {"thresholds": entries(0.4, 0.55)}},
}


def threshold(parts="", thorough=False, fpr=1e-3, calibration=CALIBRATION):
    return scheme_threshold(calibration, parts, fpr, thorough=thorough)


def test_one_vector_a_picture_has_the_threshold_of_before():
    assert threshold() == 0.4


def test_a_scheme_has_the_one_that_was_measured_for_it():
    assert threshold("regions:10") == threshold("regions:10+whole") == 0.6
    assert threshold(thorough=True) == 0.55
    assert threshold("regions:10", fpr=1e-2) == 0.5


def test_without_one_the_rate_is_divided_by_the_pairs():
    plain = {**CALIBRATION, "schemes": {}}
    assert 0.4 < threshold("faces", calibration=plain) < threshold("regions:26", calibration=plain)
    assert threshold("regions:26", calibration=plain) < threshold("regions:26", thorough=True, calibration=plain) < 1


def test_more_pairs_have_no_lower_threshold_than_fewer():
    assert threshold("regions:26") >= 0.6
    assert threshold("regions:5") < 0.6


def test_of_one_rate_alone_nothing_can_be_carried_on():
    one = {**CALIBRATION, "thresholds": entries(0.3, 0.4)[1:], "schemes": {}}
    assert threshold("regions:26", calibration=one) == 1


def test_a_rate_that_is_not_calibrated_is_refused():
    with pytest.raises(UsageError, match="calibrated for false-positive rates"):
        threshold("regions:10", fpr=1e-5)


def test_the_vectors_of_a_picture_are_those_of_its_scheme():
    assert [vectors_of_scheme(parts) for parts in ("", "regions:62+whole", "faces")] == [1, 62, 11]

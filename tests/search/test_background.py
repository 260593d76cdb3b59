import numpy as np
import pytest

from visop.search.background import tail_through, tails_of


def test_a_tail_goes_through_its_points_and_falls_to_one():
    tail = tail_through((1e-2, 0.3), (1e-3, 0.4))
    assert tail.threshold(1e-2)[0] == pytest.approx(0.3, abs=1e-6)
    assert tail.threshold(1e-3)[0] == pytest.approx(0.4, abs=1e-6)
    thresholds = [float(tail.threshold(rate)[0]) for rate in (1e-4, 1e-6, 1e-8, 1e-12)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] > 0.4
    assert thresholds[-1] < 1


def test_tails_foretell_how_rare_a_cosine_is_among_random_directions():
    """On a sphere the rate of cosines is known; the tail of 2 % is carried on to one in 100,000."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((4000, 24)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    thresholds = tails_of(vectors).threshold(1e-5)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    rate = (cosines >= thresholds[:, None]).mean()
    assert 1e-8 < rate < 1e-5  # rarer than foretold, and not by much


def test_a_picture_that_is_like_many_has_a_higher_threshold():
    rng = np.random.default_rng(0)
    apart, alike = rng.standard_normal((2, 600, 24)).astype(np.float32)
    alike[:, 0] += 6
    vectors = np.concatenate([apart, alike]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    thresholds = tails_of(vectors).threshold(1e-6)
    assert np.median(thresholds[600:]) > np.median(thresholds[:600]) + 0.05


def test_equal_vectors_have_a_threshold_all_the_same():
    assert np.isfinite(tails_of(np.full((600, 4), 0.5, np.float32)).threshold(1e-6)).all()

from __future__ import annotations

import imagehash
import numpy as np
import pytest

from tests.evaluation.conftest import picture
from visop.evaluation.hashes import HASHES, HashEncoder


@pytest.mark.parametrize("name", HASHES)
def test_the_cosine_counts_the_bits_that_differ(name: str) -> None:
    encoder = HashEncoder(name)
    pictures = [picture(seed) for seed in range(6)]
    vectors = encoder.encode([encoder.prepare(np.asarray(each)) for each in pictures])
    hashes = [getattr(imagehash, name)(each) for each in pictures]
    bits = np.array([[first - second for first in hashes] for second in hashes])
    assert (vectors @ vectors.T == 1 - 2 * bits / 64).all()


def test_a_hash_of_a_flat_picture_is_a_vector_too() -> None:
    vector = HashEncoder("phash").prepare(np.zeros((9, 9, 3), np.uint8))
    assert np.linalg.norm(vector) == 1

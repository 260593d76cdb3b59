from __future__ import annotations

import numpy as np
import pytest

from visop.errors import ModelFailed
from visop.vectors import descriptors_of


def test_a_vector_of_several_descriptors_is_taken_apart_into_unit_vectors() -> None:
    found = descriptors_of(np.array([3, 4, 0, 0.5], np.float32), ("a", "b"))
    np.testing.assert_allclose(found["a"], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(found["b"], [0, 1])
    assert found["a"].dtype == np.float32


@pytest.mark.parametrize("names", [(), ("a", "b", "c")], ids=["none", "three"])
def test_a_vector_that_cannot_be_divided_is_an_error(names: tuple[str, ...]) -> None:
    with pytest.raises(ModelFailed) as failed:
        descriptors_of(np.ones(4, np.float32), names)
    assert failed.value.detail == f"a vector of 4 numbers cannot be {len(names)} descriptors of one length"

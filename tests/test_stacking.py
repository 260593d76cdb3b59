import sys
import threading

import numpy as np
import pytest

from visop.errors import ModelFailed
from visop.stacking import stacked


@pytest.mark.parametrize(
    "items",
    [
        [np.arange(24, dtype=np.uint8).reshape(2, 4, 3) + number for number in range(3)],
        [np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)],
        [np.ones((2, 3), np.float16), np.zeros((2, 3), np.float16)],
        [np.arange(6).reshape(2, 3).T, np.arange(6, 12).reshape(3, 2)],
        [np.arange(6)[::-2], np.arange(3)],
        [np.arange(4, dtype=">i4"), np.arange(4, dtype="<i4")],
        [np.arange(4, dtype=">i4"), np.arange(4, dtype=">i4")],
        [np.array([1j, 2]), np.array([3, 4j])],
        [np.array([1, "a"], object), np.array([None, 2], object)],
        [np.float32(1.5), np.float32(2.5)],
        [np.array(1), np.array(2)],
        [np.zeros((0, 3)), np.zeros((0, 3))],
        [[1, 2], [3, 4]],
        [np.array([True, False]), np.array([1, 0], np.int8)],
    ],
)
def test_a_batch_is_what_numpy_makes_of_it(items):
    expected = np.stack(items)
    found = stacked(items)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.writeable
    assert not np.shares_memory(found, np.asarray(items[0]))


def test_items_of_several_shapes_are_refused():
    with pytest.raises(ModelFailed) as caught:
        stacked([np.zeros((2, 3)), np.zeros((3, 2))])
    assert caught.value.detail.startswith("preprocess returned arrays of shape (2, 3) and (3, 2); it must return")


def test_no_other_thread_runs_meanwhile():
    """Whoever lets go of the interpreter gets it back only when the others have had their turn."""
    counted = 0
    is_over = threading.Event()

    def count():
        nonlocal counted
        while not is_over.is_set():
            counted += 1

    items = [np.zeros((192, 192, 3), np.uint8)] * 8
    before_s = sys.getswitchinterval()
    other = threading.Thread(target=count)
    try:
        sys.setswitchinterval(0.5)
        other.start()
        before = counted
        stacked(items)
        after = counted
    finally:
        sys.setswitchinterval(before_s)
        is_over.set()
        other.join()
    assert after == before

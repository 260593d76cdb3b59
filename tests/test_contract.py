from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.toys import ToyOperator, ToyProcessor
from visop.contract import Encoder
from visop.detection import Detection
from visop.errors import ModelFailed


def picture(colour: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    return np.full((4, 4, 3), colour, np.uint8)


class Constant(Encoder):
    name = "constant"
    dimension = 2

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(self.answer)


def test_execute_answers_a_unit_vector() -> None:
    vector = ToyOperator().execute(picture((3, 4, 0)))
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [0.6, 0.8, 0], atol=1e-7)


def test_bulk_execute_answers_in_order_and_in_real_batches() -> None:
    operator = ToyOperator()
    colours = [(i + 1, 2 * i, 100) for i in range(20)]
    vectors = operator.bulk_execute([picture(colour) for colour in colours])
    expected = np.array(colours) / np.linalg.norm(colours, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert operator.batches == [8, 8, 4]


def test_bulk_execute_of_nothing_is_nothing() -> None:
    assert ToyOperator().bulk_execute([]) == []


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ([[np.nan, 1]], "NaN or inf"),
        ([[np.inf, 1]], "NaN or inf"),
        ([[0.0, 0.0]], "zero vector"),
        ([[1, 2], [3, 4]], "shape (2, 2), expected (1, 2)"),
        ([[1, 2, 3]], "shape (1, 3), expected (1, 2)"),
        ([], "shape (0,), expected (1, 2)"),
    ],
    ids=["nan", "inf", "zero", "count", "dimension", "empty"],
)
def test_an_answer_that_breaks_the_contract_is_an_error_and_never_a_vector(answer: Any, detail: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        Constant(answer).execute(picture((1, 1, 1)))
    assert detail in caught.value.detail


def test_a_bad_row_fails_alone() -> None:
    results = ToyOperator().infer_checked(np.array([[1.0, 0, 0], [0.0, 0, 0], [0, 2, 0]]))
    np.testing.assert_array_equal(results[0], [1, 0, 0])
    assert isinstance(results[1], ModelFailed)
    np.testing.assert_array_equal(results[2], [0, 1, 0])


@pytest.mark.parametrize("scale", [1e-30, 1e30], ids=["tiny", "huge"])
def test_vectors_of_any_scale_are_normalised(scale: float) -> None:
    np.testing.assert_allclose(Constant([[3 * scale, 4 * scale]]).execute(picture((1, 1, 1))), [0.6, 0.8], atol=1e-7)


def test_a_vector_owns_its_memory_so_that_models_may_reuse_their_output() -> None:
    answer = np.ones((1, 2), np.float32)
    vector = Constant(answer).execute(picture((1, 1, 1)))
    answer[:] = 7
    np.testing.assert_allclose(vector, np.sqrt(0.5), atol=1e-6)


def test_the_warm_up_fails_with_the_model() -> None:
    operator = ToyOperator()
    operator.warm_up()
    operator.wrong_count = True
    with pytest.raises(ModelFailed):
        operator.warm_up()


def scene() -> npt.NDArray[np.uint8]:
    image = np.full((40, 60, 3), 128, np.uint8)
    image[5:15, 10:30] = (200, 0, 0)
    return image


def test_a_processor_answers_the_parts_of_each_image_in_batches() -> None:
    processor = ToyProcessor()
    found = processor.bulk_execute([scene(), picture((1, 1, 1)), scene(), scene(), scene()])
    assert [len(each) for each in found] == [1, 0, 1, 1, 1]
    assert found[0][0] == Detection((10, 5, 20, 10), "200-0-0", 200 / 2400, ((19.5, 9.5),))
    assert processor.batches == [4, 1]
    assert processor.sizes[0] == (60, 40)


def test_a_processor_with_a_wrong_count_is_an_error() -> None:
    processor = ToyProcessor()
    processor.wrong_count = True
    with pytest.raises(ModelFailed) as caught:
        processor.execute(scene())
    assert caught.value.detail == "infer answered 0 results, expected 1"


def test_a_processor_says_what_the_original_ones_said() -> None:
    info = ToyProcessor().info()
    assert (info.type, info.input, info.output, info.dimension, info.metric_type) == (
        "processor",
        "image",
        "images",
        -1,
        "-1",
    )

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.toys import ToyOperator
from visop.contract import Image
from visop.detection import Encoded
from visop.errors import ModelFailed, SettingsError
from visop.models.windows import Windows
from visop.processors.pooled_regions import PooledRegions, regions_before
from visop.processors.regions import SCHEMES, Regions
from visop.processors.registry import built_in_processor
from visop.serving.named_class import BUILT_IN
from visop.serving.operators import load_operator
from visop.serving.part_encoder import PartChoice, PartEncoder
from visop.settings import Settings


class ToyWindows:
    """Pools the mean colour, and the number of the window, from the picture in its larger size."""

    def __init__(self, windows: Windows) -> None:
        self.windows, self.batches, self.closed = windows, list[int](), False
        self.answer: float | None = None

    def load(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def resized(self, image: Image) -> Image:
        return np.broadcast_to(image[:1, :1], (self.windows.side, self.windows.side, 3))

    def __call__(self, images: Any) -> npt.NDArray[np.float32]:
        self.batches.append(len(images))
        numbers = np.arange(len(self.windows.each), dtype=np.float32)
        vectors = np.stack([np.stack([numbers, 1 + 0 * numbers, image[0, 0, 0] + 0 * numbers], 1) for image in images])
        return vectors if self.answer is None else np.full_like(vectors, self.answer)


class PoolingOperator(ToyOperator):
    """A toy that pools windows."""

    def window_encoder(self, windows: Windows) -> ToyWindows:
        self.network = ToyWindows(windows)
        return self.network


def pooled(count: int, margin: float = 0.0) -> tuple[PoolingOperator, Regions]:
    encoder = PoolingOperator()
    return encoder, regions_before(Regions(count, "pooled"), encoder, margin)


@pytest.mark.parametrize("count", SCHEMES)
def test_every_window_has_the_pixels_that_the_encoder_takes(count: int) -> None:
    encoder, _ = pooled(count)
    windows = encoder.network.windows
    assert len(windows.each) == count - 1
    assert windows.side % 64 == 0
    assert min(w for _, _, w, _ in windows.each) * windows.side >= 0.98 * 192


def test_windows_have_vectors_and_the_boxes_of_those_cut_out() -> None:
    encoder, regions = pooled(5)
    image = np.full((48, 64, 3), 7, np.uint8)
    found = regions.execute(image)
    assert [each.box for each in found] == [each.box for each in Regions(5).execute(image)]
    assert not isinstance(found[0], Encoded)  # the whole picture is encoded as ever
    vectors = [each.vector for each in found if isinstance(each, Encoded)]
    expected = np.array([[number, 1, 7] for number in range(4)], np.float32)
    np.testing.assert_allclose(np.array(vectors), expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-6)
    regions.close()
    assert encoder.network.closed


@pytest.mark.parametrize("answer", [np.nan, 0.0])
def test_a_window_without_a_direction_fails(answer: float) -> None:
    encoder, regions = pooled(5)
    encoder.network.answer = answer
    with pytest.raises(ModelFailed):
        regions.execute(np.zeros((8, 8, 3), np.uint8))


def test_a_margin_makes_windows_larger_up_to_the_edges() -> None:
    encoder, _ = pooled(5, margin=0.1)
    np.testing.assert_allclose(encoder.network.windows.each[0], (0, 0, 0.66, 0.66))
    np.testing.assert_allclose(encoder.network.windows.each[3], (0.34, 0.34, 0.66, 0.66))


def test_a_batch_has_no_more_pixels_than_one_of_the_encoder() -> None:
    most = {count: pooled(count)[1].max_batch for count in SCHEMES}
    assert most == {5: 2, 10: 2, 26: 1, 62: 1}


def test_in_one_process_the_encoder_gets_the_whole_picture_alone() -> None:
    encoder, regions = pooled(10)
    parts = PartEncoder(regions, encoder, PartChoice()).execute(np.full((9, 9, 3), 5, np.uint8))
    assert [part.vector is None for part in parts] == [False] * 10
    assert (encoder.batches, encoder.network.batches) == ([1], [1])


def test_the_form_is_part_of_the_name() -> None:
    found = built_in_processor("regions:26:pooled", Settings())
    assert isinstance(found, Regions)
    assert (found.name, found.form) == ("regions:26:pooled", "pooled")
    cut = built_in_processor("regions:26:cut", Settings())
    assert cut is not None
    assert cut.name == "regions:26"


def test_an_encoder_that_pools_none_is_named_with_what_to_take() -> None:
    settings = Settings(processor="regions:10:pooled", operator="tests.toys:ToyOperator")
    with pytest.raises(SettingsError, match="toy encodes whole pictures only; take regions:10, which cuts"):
        load_operator(settings)
    assert isinstance(load_operator(Settings(processor="regions:10:pooled")), PartEncoder)
    with pytest.raises(SettingsError, match="OP_MODEL=regions:10:pooled: is for OP_PROCESSOR"):
        load_operator(Settings(model="regions:10:pooled", operator=BUILT_IN))


def test_cut_out_regions_are_left_as_they_are() -> None:
    regions = Regions(10)
    assert regions_before(regions, PoolingOperator(), 0.0) is regions
    assert isinstance(pooled(10)[1], PooledRegions)

"""The processor: in part without a network, which takes seconds to build, in part with a narrow one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.processors.ssd.loops import decoded, selected
from tests.processors.ssd.numpy_ssd import answers
from visop.detection import Detection
from visop.errors import SettingsError, WeightsError
from visop.models.detector_file import write_detector_file
from visop.processors.boxes import Floats
from visop.processors.ssd.processor import Ssd
from visop.processors.ssd.random_weights import random_tensors
from visop.processors.ssd.variants import VARIANTS, Variant
from visop.settings import Settings

ODD = [(1, 1), (1, 5000), (5000, 1), (353, 500)]


def untrained(model: str = "ssd300", **settings: Any) -> Ssd:
    return Ssd(model, "random", Settings(**settings))


def raw_answers(processor: Ssd, classes: int) -> Floats:
    """Of a network that finds nothing."""
    raw = np.zeros((8732, 4 + classes), np.float32)
    raw[:, 4] = 1
    return raw


@pytest.mark.parametrize("size", ODD, ids=str)
def test_a_certain_prior_is_an_object_in_pixels_of_any_picture(size: tuple[int, int]) -> None:
    processor, width, height = untrained(), *size
    raw = raw_answers(processor, 21)
    raw[8728, 4 + 12] = 0.9  # the first prior of the last map: 261 of 300 pixels, in the middle
    [found] = processor.detections(raw, size)
    assert found.label == "dog"
    assert found.score == pytest.approx(0.9)
    assert found.box == pytest.approx((0.065 * width, 0.065 * height, 0.87 * width, 0.87 * height), rel=1e-4)


def test_nothing_found_is_an_empty_list() -> None:
    for model, classes in (("ssd300", 21), ("ssd300-coco", 91)):
        processor = untrained(model)
        assert processor.detections(raw_answers(processor, classes), (640, 480)) == []


def test_what_is_no_number_is_no_object() -> None:
    processor = untrained()
    raw = raw_answers(processor, 21)
    raw[:4000, 4:] = np.nan
    raw[4000:, :4] = np.nan
    raw[4000:5000, 9] = 1
    assert processor.detections(raw, (640, 480)) == []


def test_boxes_of_any_size_end_at_the_edges_of_the_picture() -> None:
    processor = untrained()
    raw = raw_answers(processor, 21)
    raw[8728, :4], raw[8728, 5] = (0, 0, 1000, 1000), 0.8
    raw[0, :4], raw[0, 6] = (-1e4, 0, 0, 0), 0.9  # wholly outside
    [found] = processor.detections(raw, (640, 480))
    assert found.box == (0, 0, 640, 480)


def test_classes_without_a_label_are_not_answered() -> None:
    processor = untrained("ssd300-coco")
    assert len(processor.labels) == len(set(processor.labels)) == 80
    raw = raw_answers(processor, 91)
    raw[8728, 4 + 12], raw[8729, 4 + 13] = 0.9, 0.6
    assert [each.label for each in processor.detections(raw, (640, 480))] == ["stop sign"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"device": "gpu"}, "runs on the CPU"), ({"precision": "int8"}, "not available for ssd300")],
    ids=["gpu", "int8"],
)
def test_what_is_not_there_is_an_error(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        untrained(**settings).load()


def test_identity_says_what_it_may_find() -> None:
    info = untrained().info()
    assert (info.name, info.type, info.output, info.dimension) == ("ssd300", "processor", "images", -1)
    assert info.labels[11] == "dog"
    assert info.fingerprint.startswith("ssd300-random-")


# With a network that has a sixteenth of the channels.


@pytest.fixture(scope="module", params=list(VARIANTS))
def narrow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ssd, Variant]]:
    variant = replace(VARIANTS[request.param], divisor=16)
    folder = tmp_path_factory.mktemp(variant.name)
    file = folder / "narrow.safetensors"
    tensors = {
        name: each * 3 if name.startswith("classes") else each for name, each in random_tensors(variant.shapes).items()
    }
    write_detector_file(
        file, model=variant.name, labels=variant.labels, tensors=tensors, card={}, network={"divisor": 16}
    )
    processor = Ssd("auto", str(file), Settings(cache_dir=folder / "cache"))
    processor.load()
    yield processor, variant
    processor.close()


def noise(width: int, height: int) -> np.ndarray:
    """Patches of colour with noise over them."""
    rng = np.random.default_rng(width * height)
    patches = rng.integers(0, 200, (-(-height // 40), -(-width // 40), 3))
    image = patches.repeat(40, axis=0).repeat(40, axis=1)[:height, :width]
    return (image + rng.integers(0, 56, image.shape)).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(320, 240), *ODD], ids=str)
def test_answers_are_those_of_an_independent_statement(narrow: tuple[Ssd, Variant], size: tuple[int, int]) -> None:
    processor, variant = narrow
    image = noise(*size)
    pixels = processor.preprocess(image)
    [raw] = processor.infer(pixels[None])
    tensors = random_tensors(variant.shapes)
    tensors |= {name: each * 3 for name, each in tensors.items() if name.startswith("classes")}
    expected = answers(pixels, tensors, variant.means, 1 + len(variant.labels))
    np.testing.assert_allclose(raw, expected, atol=1e-4)
    assert_same(processor.execute(image), by_loops(expected, variant, size), size)


def by_loops(raw: Floats, variant: Variant, size: tuple[int, int]) -> list[Detection]:
    boxes = decoded(raw[:, :4], variant.priors, variant.largest_log)
    labelled = [number for number, label in enumerate(variant.labels) if label]
    scores = raw[:, 5:][:, labelled]
    found = []
    for row, each in selected(boxes, scores, variant.rule):
        left, top, right, bottom = (share * side for share, side in zip(boxes[row], (*size, *size), strict=True))
        if right > left and bottom > top:
            box = left, top, right - left, bottom - top
            found.append(Detection(box, variant.labels[labelled[each]], float(scores[row, each])))
    return found


def assert_same(found: list[Detection], expected: list[Detection], size: tuple[int, int]) -> None:
    """Within 1e-4 of the picture's sides; of nearly equal scores either may come first."""
    assert len(found) == len(expected)
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=1e-4)
    left = list(expected)
    for each in found:
        nearest = min(left, key=lambda other: (other.label != each.label, distance(each, other, size)))
        assert nearest.label == each.label
        assert distance(each, nearest, size) < 1e-4
        left.remove(nearest)


def distance(a: Detection, b: Detection, size: tuple[int, int]) -> float:
    scales = *size, *size, 1
    return max(abs(x - y) / scale for x, y, scale in zip((*a.box, a.score), (*b.box, b.score), scales, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_the_whole_network_computes_what_the_statement_does(variant: Variant, tmp_path: Path) -> None:
    processor = untrained(variant.name, cache_dir=tmp_path)
    processor.load()
    pixels = processor.preprocess(noise(353, 500))
    [raw] = processor.infer(pixels[None])
    processor.close()
    expected = answers(pixels, random_tensors(variant.shapes), variant.means, 1 + len(variant.labels))
    np.testing.assert_allclose(raw[:, 4:], expected[:, 4:], atol=1e-4)
    np.testing.assert_allclose(raw[:, :4], expected[:, :4], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_a_batch_answers_what_each_picture_answers(narrow: tuple[Ssd, Variant]) -> None:
    processor, _ = narrow
    images = [noise(*size) for size in ((300, 300), (40, 500), (1, 1), (640, 480), (31, 17))]
    for image, found in zip(images, processor.bulk_execute(images), strict=True):
        assert_same(found, processor.execute(image), (image.shape[1], image.shape[0]))


@pytest.mark.slow
def test_weights_of_another_network_are_refused_when_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    tensors = random_tensors(replace(VARIANTS["ssd300"], divisor=32).shapes)
    write_detector_file(
        file, model="ssd300", labels=VARIANTS["ssd300"].labels, tensors=tensors, card={}, network={"divisor": 16}
    )
    processor = Ssd("auto", str(file), Settings(cache_dir=tmp_path / "cache"))
    with pytest.raises(WeightsError, match=r"do not fit ssd300: .* has shape"):
        processor.load()

"""The descriptors against NumPy; Keras computes them in processes of their own, by tests/models/descriptors.py."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.models.conftest import run_program
from tests.models.numpy_descriptors import descriptor, descriptor_of_several, unit
from visop.models.registry import DESCRIPTORS, Pooling
from visop.vectors import descriptors_of

SHAPES = [(7, 7), (14, 7), (5, 9), (8, 64), (1, 1)]
SEVERAL = [(12, 8), (6, 4), (3, 2)]  # maps of the same pictures, each half as large as the one before


def make_maps() -> dict[str, np.ndarray]:
    """Like features after ReLU: half of them zero. One map of each batch is faint, one is huge, one has one place."""
    rng = np.random.default_rng(0)
    scale = np.array([1, 1e-3, 1e5, 1], np.float32)[:, None, None, None]
    names = {f"{height}x{width}": (height, width) for height, width in SHAPES}
    names |= {f"several|{index}": shape for index, shape in enumerate(SEVERAL)}
    found = {}
    for name, shape in names.items():
        maps = np.maximum(rng.standard_normal((4, *shape, 24), np.float32), 0) * scale
        maps[3, 1:], maps[3, :, 1:] = 0, 0
        found[name] = maps
    found["zeros"] = np.zeros((2, 7, 7, 24), np.float32)
    return found


@pytest.fixture(scope="module", params=[pytest.param("tensorflow", marks=pytest.mark.slow), "openvino"])
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("pool")
    np.savez(folder / "maps.npz", allow_pickle=False, **make_maps())
    run_program("tests.models.descriptors", "pool", request.param, str(folder / "maps.npz"), str(folder / "out.npz"))
    return dict(np.load(folder / "out.npz"))


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_every_descriptor_agrees_with_numpy(pooling: str, answers: dict[str, np.ndarray]) -> None:
    maps = make_maps()
    for name in (f"{height}x{width}" for height, width in SHAPES):
        expected = unit(descriptor(maps[name], pooling))
        np.testing.assert_allclose(answers[f"{name} {pooling}"], expected, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_each_of_several_maps_counts_as_much_as_any_other(pooling: str, answers: dict[str, np.ndarray]) -> None:
    maps = [each for name, each in make_maps().items() if name.startswith("several|")]
    expected = unit(descriptor_of_several(maps, pooling))
    np.testing.assert_allclose(answers[f"several {pooling}"], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["7x7", "14x7"])
def test_descriptors_of_one_pass_are_the_unit_descriptors_side_by_side(
    name: str, answers: dict[str, np.ndarray]
) -> None:
    maps = make_maps()[name]
    expected = [unit(descriptor(maps, pooling)) for pooling in ("max", "avg", "rmac", "ramac")]
    for vector, *alone in zip(answers[f"{name} descriptors"], *expected, strict=True):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        found = descriptors_of(vector, tuple(DESCRIPTORS))
        assert list(found) == ["MAC", "SPoC", "R-MAC", "RA-MAC"]
        np.testing.assert_allclose(np.stack(list(found.values())), alone, rtol=0, atol=2e-5)


def test_descriptors_of_several_maps_are_side_by_side_too(answers: dict[str, np.ndarray]) -> None:
    maps = [each for name, each in make_maps().items() if name.startswith("several|")]
    expected = [unit(descriptor_of_several(maps, pooling)) / 2 for pooling in DESCRIPTORS.values()]
    np.testing.assert_allclose(answers["several descriptors"], np.concatenate(expected, axis=1), rtol=0, atol=1e-5)


def test_maps_of_zeros_give_zeros_and_never_nan(answers: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(answers["zeros descriptors"], np.zeros((2, 4 * 24)))
    found = descriptors_of(answers["zeros descriptors"][0], tuple(DESCRIPTORS))
    assert not np.stack(list(found.values())).any()


@pytest.mark.slow  # imports TensorFlow
def test_a_generalised_mean_has_the_gradient_of_finite_differences(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    maps, weights = rng.uniform(0.1, 2, (2, 3, 4, 5)), rng.standard_normal((2, 5))
    np.savez(tmp_path / "maps.npz", maps=maps, weights=weights)
    run_program("tests.models.descriptors", "gradient", str(tmp_path / "maps.npz"), str(tmp_path / "out.npz"))
    found = np.load(tmp_path / "out.npz")

    def total(p: float, change: float = 0.0) -> float:
        changed = maps.copy()
        changed[1, 2, 3, 4] += change
        return float((descriptor(changed, "gem", p) * weights).sum())

    step = 1e-6
    np.testing.assert_allclose(found["vectors"], descriptor(maps, "gem", 2.5), rtol=1e-12)
    np.testing.assert_allclose(found["by_p"], (total(2.5 + step) - total(2.5 - step)) / (2 * step), rtol=1e-6)
    by_place = (total(2.5, step) - total(2.5, -step)) / (2 * step)
    np.testing.assert_allclose(found["by_maps"][1, 2, 3, 4], by_place, rtol=1e-6)

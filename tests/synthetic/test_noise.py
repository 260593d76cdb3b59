"""The fields that textures are made of have the spectra and the cells that they claim."""

from __future__ import annotations

import numpy as np
import pytest

from visop.synthetic.noise import cells, spectral_noise, to_grey


def _measured_exponent(field: np.ndarray) -> float:
    size = len(field)
    amplitude = np.abs(np.fft.fft2(field))
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2))
    band = (frequency > 2) & (frequency < size / 2)
    return float(-np.polyfit(np.log(frequency[band]), np.log(amplitude[band]), 1)[0])


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.7])
def test_the_spectrum_falls_with_the_exponent_asked_for(exponent: float) -> None:
    field = spectral_noise(np.random.default_rng(0), 256, exponent)
    assert field.dtype == np.float32
    assert field.shape == (256, 256)
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-4)
    assert _measured_exponent(field) == pytest.approx(exponent, abs=0.05)


def test_two_fields_have_nothing_in_common() -> None:
    rng = np.random.default_rng(1)
    one, other = (spectral_noise(rng, 128, 0.0) for _ in range(2))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05


def test_stretched_fields_are_longer_than_wide() -> None:
    field = spectral_noise(np.random.default_rng(2), 128, 1.0, stretch=10, angle=0.0)
    assert np.diff(field, axis=0).std() > 2 * np.diff(field, axis=1).std()


def test_cells_agree_with_brute_force() -> None:
    rng, same = np.random.default_rng(3), np.random.default_rng(3)
    margin, own = cells(rng, 20, 7)
    centres = same.uniform(0, 20, (7, 2))
    grid = np.moveaxis(np.mgrid[:20, :20], 0, -1)
    distances = np.linalg.norm(grid[:, :, None] - centres, axis=-1)
    nearest = np.sort(distances, axis=-1)
    assert np.array_equal(own, distances.argmin(axis=-1))
    assert margin == pytest.approx((nearest[..., 1] - nearest[..., 0]) * np.sqrt(7) / 20, abs=1e-5)


def test_grey_values_are_clipped_at_the_spread() -> None:
    assert to_grey(np.array([-9, -2, 0, 2, 9], np.float32), spread=2).tolist() == [0, 0, 127, 255, 255]

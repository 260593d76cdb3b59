"""Make random fields, from which all textures are built."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.spatial import cKDTree

Field = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]

_WHITE = 1 << 20


@lru_cache(maxsize=1)
def _white_noise() -> npt.NDArray[np.complex64]:
    """Return a long run of Gaussian noise from which fields take pieces; fresh noise would cost more than the FFT."""
    pair = np.random.default_rng(0).standard_normal((2, _WHITE), dtype=np.float32)
    noise: npt.NDArray[np.complex64] = pair[0] + np.complex64(1j) * pair[1]
    return noise


@lru_cache(maxsize=16)
def _frequencies(size: int) -> tuple[Field, Field]:
    """Return the frequencies of a real FFT in cycles per field: vertical (size, 1), horizontal (1, size // 2 + 1)."""
    vertical = scipy.fft.fftfreq(size, 1 / size).astype(np.float32)[:, None]
    horizontal = scipy.fft.rfftfreq(size, 1 / size).astype(np.float32)[None, :]
    return vertical, horizontal


@lru_cache(maxsize=128)
def _isotropic_amplitude(size: int, exponent: float) -> Field:
    vertical, horizontal = _frequencies(size)
    return _amplitude(np.square(vertical) + np.square(horizontal), exponent)


def _amplitude(squared: Field, exponent: float) -> Field:
    squared[0, 0] = 1.0
    amplitude = squared ** np.float32(-exponent / 2)
    amplitude[0, 0] = 0.0
    return amplitude


def _stretched_amplitude(size: int, exponent: float, stretch: float, angle: float) -> Field:
    vertical, horizontal = _frequencies(size)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = horizontal * cos + vertical * sin, vertical * cos - horizontal * sin
    return _amplitude(np.square(along) * np.float32(stretch**2) + np.square(across), exponent)


def spectral_noise(
    rng: np.random.Generator, size: int, exponent: float, *, stretch: float = 1.0, angle: float = 0.0
) -> Field:
    """Make periodic Gaussian noise whose amplitude falls as ``1 / frequency ** exponent``.

    Photos have exponents of about 0.8 to 1.5 (Field 1987, "Relations between the statistics of natural images and the
    response properties of cortical cells").

    Args:
        rng: the random generator.
        size: side of the field.
        exponent: 0 is white noise, 1 is a photograph, 2 is clouds; rounded to tenths.
        stretch: how much longer than wide the structures are, from 1.
        angle: direction of the structures, in radians.

    Returns:
        (size, size) float32 with mean 0 and standard deviation 1.
    """
    exponent = round(float(exponent), 1)
    if stretch == 1.0:
        amplitude = _isotropic_amplitude(size, exponent)
    else:
        amplitude = _stretched_amplitude(size, exponent, stretch, angle)
    start = int(rng.integers(_WHITE - amplitude.size))
    spectrum = _white_noise()[start : start + amplitude.size].reshape(amplitude.shape) * amplitude
    field: Field = scipy.fft.irfft2(spectrum, s=(size, size), overwrite_x=True)
    return field / np.float32(field.std() + 1e-12)


def cells(rng: np.random.Generator, size: int, count: int) -> tuple[Field, npt.NDArray[np.int64]]:
    """Make Voronoi cells (Worley 1996, "A cellular texture basis function").

    Returns:
        For each pixel, how much nearer it is to its own centre than to the next, which is 0 at the borders, and the
        number of its own centre; both (size, size).
    """
    rows, columns = np.mgrid[:size, :size]
    centres = rng.uniform(0, size, (count, 2))
    distance, nearest = cKDTree(centres).query(np.stack([rows, columns], axis=-1).reshape(-1, 2), k=2)
    margin = (distance[:, 1] - distance[:, 0]).astype(np.float32) * np.float32(np.sqrt(count) / size)
    return margin.reshape(size, size), nearest[:, 0].reshape(size, size)


def to_grey(field: Field, spread: float = 2.5) -> Grey:
    """Convert a field to grey values; ``-spread`` becomes black and ``spread`` white."""
    grey: Grey = np.clip(field * np.float32(127.5 / spread) + np.float32(127.5), 0, 255).astype(np.uint8)
    return grey

"""Find noise that took the place of pixels in files without compression, whose format has no checksum.

A part that was overwritten with something else, such as a compressed file, looks like noise. A picture can be noise, or
hold some, but not with this outline: the rest of one row, whole rows, and the beginning of another, between pixels that
are smooth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from visop.images.formats.rows import Rows

# Bytes that are looked at together.
_WINDOW = 64

# The mean difference of neighbouring samples: of independent bytes it is 85 (a third of 256), of 64 of them rarely
# below the first of these; of photographs it is below 20.
_ROUGH, _SMOOTH = 55, 30

# Noise begins and ends where the differences rise above this: at 85 inside, no more than 40 bytes are missed (by 5
# standard deviations). What begins and ends so near to the edge of a row can be a band of noise across the picture.
_RISE, _EDGE = 35, 40

# Of a picture that is rough in more places than these, nothing can be said.
_MAX_ROUGH_SHARE = 0.5

# Chi-squared of the 16 high nibbles of bytes: 15 on average for independent ones.
_MAX_CHI_SQUARED = 60

_Samples = npt.NDArray[np.uint8]


def has_torn_noise(data: bytes, rows: Rows) -> bool:
    """Return whether more than a row's length of noise begins and ends within rows, abruptly.

    Two windows of a row are looked at, which takes little time; the rest only where these are noise.
    """
    pixels = np.frombuffer(data, np.uint8)[rows.begin : rows.end]
    step = max(_WINDOW, rows.stride // 2)
    count = (pixels.size - _WINDOW) // step
    if rows.stride < 2 * _WINDOW or count < 1:
        return False
    windows = pixels[: count * step].reshape(count, step)[:, :_WINDOW]
    differences = _differences(windows, rows.pixel)
    rough = differences.sum(axis=1, dtype=np.uint16) > _ROUGH * differences.shape[1]
    if not rough.any() or rough.mean() > _MAX_ROUGH_SHARE:
        return False
    return any(
        _is_torn(pixels, *_edges(pixels, first * step, last * step, step, rows.pixel), rows)
        for first, last in _runs(rough)
    )


def _differences(samples: _Samples, distance: int) -> _Samples:
    """Return by how much samples differ from those so many samples before."""
    ones, others = samples[..., distance:], samples[..., :-distance]
    differences: _Samples = np.maximum(ones, others) - np.minimum(ones, others)
    return differences


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and last index of every run of two flags or more."""
    changes = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return [(first, stop - 1) for first, stop in changes.reshape(-1, 2).tolist() if stop - first > 1]


def _edges(pixels: _Samples, first: int, last: int, step: int, pixel: int) -> tuple[int, int]:
    """Return where noise begins and ends that reaches from one window to another: where its differences sum up most."""
    start = max(0, first - step)
    before = _differences(pixels[start : first + _WINDOW], pixel).astype(np.int64) - _RISE
    after = _differences(pixels[last : last + step + 2 * _WINDOW], pixel).astype(np.int64) - _RISE
    begin = start + pixel + int(before[::-1].cumsum()[::-1].argmax())
    return begin, last + int(after.cumsum().argmax()) + 1


def _is_torn(pixels: _Samples, begin: int, end: int, rows: Rows) -> bool:
    columns = begin % rows.stride, end % rows.stride if end < pixels.size - rows.stride else 0
    if end - begin < rows.stride + _EDGE or not any(_EDGE <= each <= rows.stride - _EDGE for each in columns):
        return False
    beside = [pixels[max(0, begin - rows.stride) : begin], pixels[end : end + rows.stride]]
    return _is_noise(pixels[begin:end], rows) and all(
        part.size <= _WINDOW or _differences(part, rows.pixel).mean() < _SMOOTH for part in beside
    )


def _is_noise(part: _Samples, rows: Rows) -> bool:
    """Whether samples are independent of those beside and above, everywhere, and all values as frequent."""
    expected = part.size / 16
    chi_squared = ((np.bincount(part >> 4, minlength=16) - expected) ** 2).sum() / expected
    count = part.size // _WINDOW
    windows = part[: count * _WINDOW].reshape(count, _WINDOW)
    above = _differences(part, rows.stride) if part.size > rows.stride + _EDGE else np.full(1, 85)
    return bool(
        chi_squared < _MAX_CHI_SQUARED
        and _differences(windows, rows.pixel).mean(axis=1).min() > _ROUGH - 5
        and above.mean() > 70
    )

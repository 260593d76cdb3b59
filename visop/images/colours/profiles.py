"""Build an ICC profile from what a PNG or an AVIF says about its colours in a few numbers (ICC.1:2022, section 7).

Little CMS, which converts the colours, knows profiles only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from struct import pack

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]  # CIE 1931 x, y
Array = npt.NDArray[np.float64]

_D65 = (0.3127, 0.3290)
_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))

# The white of the space in which profiles meet, and the matrix that adapts another white to it (Bradford).
_D50 = np.array([0.9642, 1.0, 0.8249])
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Gamut:
    """White point and the red, green and blue of a colour space. The default is that of sRGB."""

    white: Point = _D65
    primaries: Sequence[Point] = _BT709

    def to_d50(self) -> Array:
        """Return the (3, 3) matrix from linear RGB to XYZ, adapted to D50. Raises LinAlgError for impossible values."""
        columns = np.stack([_xyz(point) for point in self.primaries], axis=1)
        white = _xyz(self.white)
        columns = columns * np.linalg.solve(columns, white)
        adapt = np.linalg.inv(_CONES) @ np.diag(_CONES @ _D50 / (_CONES @ white)) @ _CONES
        return np.asarray(adapt @ columns)


# ITU-T H.273, table 2, ColourPrimaries.
_GAMUTS = {
    1: Gamut(),
    2: Gamut(),  # unspecified
    5: Gamut(primaries=((0.640, 0.330), (0.290, 0.600), (0.150, 0.060))),
    6: Gamut(primaries=((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    7: Gamut(primaries=((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    9: Gamut(primaries=((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    11: Gamut((0.314, 0.351), ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
    12: Gamut(primaries=((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
}


def _fixed(value: float) -> bytes:
    """Encode as s15Fixed16Number."""
    return pack(">l", round(float(value) * 65536))


def gamma_curve(exponent: float) -> bytes:
    """Return the tag of a curve: linear = encoded ** exponent."""
    return _parametric(0, exponent)


def _parametric(kind: int, *values: float) -> bytes:
    return pack(">4s4xHH", b"para", kind, 0) + b"".join(map(_fixed, values))


_SRGB_CURVE = _parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT1886_CURVE = gamma_curve(2.4)  # how displays show BT.709, and browsers with them

# ITU-T H.273, table 3, TransferCharacteristics.
_CURVES = {
    1: _BT1886_CURVE,
    2: _SRGB_CURVE,  # unspecified
    4: gamma_curve(2.2),
    5: gamma_curve(2.8),
    6: _BT1886_CURVE,
    8: gamma_curve(1.0),
    13: _SRGB_CURVE,
    14: _BT1886_CURVE,
    15: _BT1886_CURVE,
}


@cache
def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the profile of a colour space by its code points in ITU-T H.273, or None for others."""
    if primaries not in _GAMUTS or transfer not in _CURVES:
        return None
    return rgb_profile(_GAMUTS[primaries], _CURVES[transfer])


def rgb_profile(gamut: Gamut, curve: bytes) -> bytes:
    """Build a display profile of a matrix and a curve, which is the same for red, green and blue.

    Raises:
        ArithmeticError, ValueError, struct.error: the gamut is impossible.
    """
    red, green, blue = gamut.to_d50().T
    tags = [(b"wtpt", _xyz_tag(_D50)), (b"rXYZ", _xyz_tag(red)), (b"gXYZ", _xyz_tag(green)), (b"bXYZ", _xyz_tag(blue))]
    tags += [(b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    start = 128 + 4 + 12 * len(tags)
    table, body = pack(">L", len(tags)), b""
    for name, value in tags:
        table += pack(">4sLL", name, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    return _header(start + len(body)) + table + body


def _header(size: int) -> bytes:
    kind = pack(">L4xL4s4s4s12x4s", size, 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return kind + bytes(28) + b"".join(map(_fixed, _D50)) + bytes(48)


def _xyz(point: Point) -> Array:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz_tag(values: Array) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))

"""Say in words what was done to a picture, from how it lies in its original."""

from __future__ import annotations

import math

import numpy as np

from visop.matching.overlap import overlap
from visop.matching.transformation import Matrix, apply, corners, jacobian, mirror

# What is less than this is not told: a rounding, or the error of the fit.
_LEAST_CUT, _LEAST_AROUND, _LEAST_ANGLE = 0.03, 0.06, 1.5
_LEAST_SCALE, _LEAST_STRETCH, _LEAST_DEPTH = 0.04, 0.06, 0.06


def edits_of(
    matrix: Matrix, size: tuple[int, int], original_size: tuple[int, int], *, mirrored: bool, inverted: bool
) -> tuple[str, ...]:
    """Return what was done to the original, such as ``cut to 24 % of the area``; empty if it was hardly moved.

    What changed the colours is not told, but that they were inverted. Where the corners of a turned picture are filled
    with a colour, they count as part of it.

    Args:
        matrix: (3, 3), takes homogeneous pixels of the picture to pixels of the original.
        size: (width, height) of the picture, in pixels.
        original_size: of the original.
        mirrored: whether left and right were swapped.
        inverted: whether the colours were inverted.
    """
    # It is told as mirrored first, and turned then.
    straight = mirror(original_size) @ matrix if mirrored else matrix
    turned = np.linalg.inv(jacobian(straight, size))  # from the original to the picture
    told = (
        _cut(overlap(apply(matrix, corners(size)), original_size).share),
        _around(overlap(apply(np.linalg.inv(matrix), corners(original_size)), size).share),
        "mirrored" if mirrored else "",
        _angle(turned),
        _perspective(matrix, size),
        *_scales(turned),
        "inverted colours" if inverted else "",
    )
    return tuple(each for each in told if each)


def _cut(share: float) -> str:
    return f"cut to {_percent(share)} of the area" if share < 1 - _LEAST_CUT else ""


def _around(share: float) -> str:
    return f"placed in something larger, of which it takes {_percent(share)}" if share < 1 - _LEAST_AROUND else ""


def _angle(turned: Matrix) -> str:
    angle = -math.degrees(math.atan2(turned[1, 0] - turned[0, 1], turned[0, 0] + turned[1, 1]))  # y goes down
    if abs(angle) < _LEAST_ANGLE:
        return ""
    direction = "" if abs(angle) > 180 - _LEAST_ANGLE else " clockwise" if angle < 0 else " counter-clockwise"
    return f"turned by {abs(angle):.0f}°{direction}"


def _perspective(matrix: Matrix, size: tuple[int, int]) -> str:
    width, height = size
    depths = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)]) @ matrix[2]
    return "seen in perspective" if depths.max() / depths.min() > 1 + _LEAST_DEPTH else ""


def _scales(turned: Matrix) -> list[str]:
    """Say by how much the picture was scaled, and one side more than the other."""
    across, down = (float(np.linalg.norm(turned[:, column])) for column in (0, 1))
    scale, ratio = math.sqrt(abs(np.linalg.det(turned))), across / down
    told = [f"scaled to {_percent(scale)}"] if abs(scale - 1) > _LEAST_SCALE else []
    if abs(math.log(ratio)) > _LEAST_STRETCH:
        told.append(f"stretched to {max(ratio, 1 / ratio):.1f} times the {'width' if ratio > 1 else 'height'}")
    return told


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"

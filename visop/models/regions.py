"""The regions of R-MAC: squares of several sizes, laid evenly over a feature map. Imports no runtime."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = 3
_OVERLAP = 0.4
_STEPS = (2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Region:
    """A square of a feature map, in positions."""

    top: int
    left: int
    side: int


def regions(height: int, width: int) -> list[Region]:
    """Lay the grid of Tolias et al. 2016, "Particular object retrieval with integral max-pooling", section 4.2.

    Level l has squares of side 2 min(height, width) / (l + 1): l of them along the short side of the map, and along the
    long side as many more as make neighbours overlap by about 40 %. Positions are rounded as in the authors' code
    (``rmac_regionvec.m`` of github.com/gtolias/rmac). Ports that count ``steps`` from 0 lay a column or row less
    on maps that are not square.

    Returns:
        14 regions for a square map, the first of which is all of it; never one outside of the map, or empty.
    """
    more = _more_along_the_long_side(height, width)
    found = []
    for level in range(1, LEVELS + 1):
        side = 2 * min(height, width) // (level + 1)
        tops = _starts(height, side, level + (more if height > width else 0))
        lefts = _starts(width, side, level + (more if width > height else 0))
        found += [Region(top, left, side) for top in tops for left in lefts if side > 0]
    return found


def _more_along_the_long_side(height: int, width: int) -> int:
    short, long = sorted((height, width))
    overlaps = [1 - (long - short) / (steps - 1) / short for steps in _STEPS]
    best = min(overlaps, key=lambda overlap: abs(overlap - _OVERLAP))
    return overlaps.index(best) + 1


def _starts(length: int, side: int, count: int) -> list[int]:
    """Where ``count`` squares begin that cover ``length`` positions evenly."""
    # In whole numbers: the floor of a float would now and then be one too low. The authors add and take away half a
    # square around the floor, which changes nothing.
    return [index * (length - side) // max(count - 1, 1) for index in range(count)]

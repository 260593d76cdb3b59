"""Compute the coordinates of a report's plots; the template of the page draws them as SVG and chooses the colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.evaluation.evaluate import Outcome
from visop.evaluation.metrics import Floats
from visop.evaluation.thresholds import Impostors

#: Size and axes of every plot in SVG units, one of which is about a pixel on a phone.
WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 40, 408, 12, 222

_CELLS = 72
_RATES = 60
_LOWEST_RATE = 1e-6

Tick = tuple[float, str]


@dataclass(frozen=True)
class Curve:
    """A line or the outline of an area; ``path`` is the ``d`` attribute of an SVG path."""

    name: str
    path: str


@dataclass(frozen=True)
class Plot:
    """The curves of a plot, its ticks, and vertical marks; ticks and marks are (SVG coordinate, text)."""

    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...] = ()


def recall_plot(outcomes: Sequence[Outcome]) -> Plot:
    """Plot recall against the false-positive rate, on a logarithmic axis that starts at the lowest supported rate.

    An encoder without any supported rate has no curve.
    """
    decades = int(np.floor(np.log10(min(_lowest_rate(outcome) for outcome in outcomes))))
    x = _scale(decades, 0)
    measured = (outcome for outcome in outcomes if outcome.calibration.least_fpr < 1)
    curves = (Curve(outcome.name, _path(_recall_curve(outcome), x)) for outcome in measured)
    return Plot(
        curves=tuple(curves),
        x_ticks=tuple((x(power), f"{10.0**power:g}".replace("e-0", "e-")) for power in range(decades, 1)),
        y_ticks=tuple((_y(share), f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)),
    )


def distance_plot(outcome: Outcome) -> Plot:
    """Plot the distances of true pairs and of impostors, each scaled to its own maximum, with the thresholds marked."""
    true = np.concatenate([ranking.similarity for ranking in outcome.rankings.values()])
    edges = np.linspace(0, _farthest(true, outcome.impostors), _CELLS + 1)
    # Cosines fall as distances grow; by rounding, the cosine of a copy can be slightly above 1.
    cosines = np.maximum(1 - edges[::-1] ** 2 / 2, -1)
    cosines[-1] = 1.1
    x = _scale(0, float(edges[-1]))
    areas = {"copies": np.histogram(true, cosines)[0], "other pictures": outcome.impostors.histogram(cosines)}
    curves = (Curve(name, _area(counts[::-1], edges, x)) for name, counts in areas.items())
    marks = ((x(_distance(each.similarity)), f"{each.fpr:g}") for each in outcome.calibration.thresholds)
    return Plot(
        curves=tuple(curves),
        x_ticks=tuple((x(tick), f"{tick:g}") for tick in _round_ticks(float(edges[-1]))),
        y_ticks=(),
        marks=tuple(marks),
    )


def _lowest_rate(outcome: Outcome) -> float:
    return min(max(outcome.calibration.least_fpr, _LOWEST_RATE), 0.1)


def _recall_curve(outcome: Outcome) -> list[tuple[float, float]]:
    true = np.concatenate([ranking.similarity for ranking in outcome.rankings.values()])
    rates = np.geomspace(max(_lowest_rate(outcome), outcome.calibration.least_fpr), 1, _RATES)
    recalls = (float(np.mean(true >= threshold)) for threshold in outcome.impostors.thresholds(rates))
    return list(zip(np.log10(rates).tolist(), recalls, strict=True))


def _farthest(true: Floats, impostors: Impostors) -> float:
    """Return the largest distance on the axis; up to a thousandth of the impostors may be farther away."""
    return max(_distance(float(true.min())), _distance(impostors.quantile(0.001)), 1e-3)


def _round_ticks(end: float) -> list[float]:
    """Return four to nine ticks from 0, in steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(end / 3))
    step = power * max(factor for factor in (1, 2, 5) if factor * power <= end / 3)
    return [round(count * step, 12) for count in range(int(end / step) + 1)]


def _distance(cosine: float) -> float:
    """Return the L2 distance of two unit vectors with this cosine."""
    return float(np.sqrt(max(0.0, 2 - 2 * cosine)))


def _scale(low: float, high: float) -> Callable[[float], float]:
    return lambda value: round(LEFT + (value - low) / (high - low) * (RIGHT - LEFT), 1)


def _y(share: float) -> float:
    return round(BOTTOM - share * (BOTTOM - TOP), 1)


def _path(points: Sequence[tuple[float, float]], x: Callable[[float], float]) -> str:
    return "M" + " L".join(f"{x(value)},{_y(share)}" for value, share in points)


def _area(counts: npt.NDArray[np.int64], edges: npt.NDArray[np.float64], x: Callable[[float], float]) -> str:
    """Return the outline of a histogram, closed along the x axis."""
    shares = counts / max(1, counts.max())
    steps = [(edge, share) for i, share in enumerate(shares) for edge in (edges[i], edges[i + 1])]
    return _path([(edges[0], 0.0), *steps, (edges[-1], 0.0)], x) + " Z"

"""From which cosine on the nearest of several pairs of vectors is that of a copy.

A picture with 26 parts has 26 chances to be like a query, and a query with 11 views eleven times as many: at the
threshold of one pair, far more than its rate of different pictures would pass for copies. A calibration therefore has
thresholds of its own for schemes of parts, under ``schemes``, measured on the nearest pair of a query and a picture.

A scheme that it does not have gets the threshold of one pair at the rate that is asked for, divided by the number of
pairs (Bonferroni, "Teoria statistica delle classi e calcolo delle probabilita", 1936): at most that share of pictures
has one pair beyond it, however the pairs depend on each other. Rates that rare are not measured but carried on by the
tail of ``visop.search.background``. Windows of pictures are more alike than pictures, since they show less: so the
highest threshold that is calibrated for fewer pairs is the least.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from visop.evaluation.compare import trust_of
from visop.search.background import tail_through

#: What schemes are called whose queries have several views.
THOROUGH = "thorough"

#: The vectors of a query with all its views: what is searched with, windows, and squares of a long picture.
MOST_VIEWS = 18

# Of a processor that finds as many as there are, such as faces: most pictures have fewer.
_PARTS = 10


def scheme_name(parts: str, *, thorough: bool) -> str:
    """What a calibration calls a scheme, such as ``none`` or ``regions:10 thorough``; the parts as of an index."""
    name = parts.removesuffix("+whole") or "none"
    return f"{name} {THOROUGH}" if thorough else name


def vectors_of_scheme(parts: str) -> int:
    """About how many vectors a picture has in an index of these parts."""
    if not parts:
        return 1
    counted = re.match(r"regions:(\d+)", parts)
    return int(counted[1]) if counted else 1 + _PARTS


def scheme_threshold(calibration: Mapping[str, Any], parts: str, fpr: float, *, thorough: bool) -> float:
    """The cosine from which on the nearest pair is that of a copy.

    Args:
        calibration: of the encoder, as its card has it.
        parts: as of ``OperatorInfo``; empty for one vector a picture.
        fpr: the false-positive rate, of pairs of a query and a picture.
        thorough: whether the query has several views.

    Raises:
        UsageError: the calibration has no threshold for this rate.
    """
    base = trust_of(calibration, fpr).threshold
    if not parts and not thorough:
        return base
    measured = _measured(calibration, scheme_name(parts, thorough=thorough), fpr)
    if measured is not None:
        return measured
    pairs = vectors_of_scheme(parts) * (MOST_VIEWS if thorough else 1)
    return max(base, _carried_on(calibration["thresholds"], fpr / pairs), *_of_fewer(calibration, pairs, fpr))


def _measured(calibration: Mapping[str, Any], scheme: str, fpr: float) -> float | None:
    entries: Sequence[Mapping[str, Any]] = calibration.get("schemes", {}).get(scheme, {}).get("thresholds", [])
    found = (float(each["similarity"]) for each in entries if math.isclose(each["fpr"], fpr, rel_tol=1e-6))
    return next(found, None)


def _carried_on(thresholds: Sequence[Mapping[str, Any]], rate: float) -> float:
    points = sorted((float(each["fpr"]), float(each["similarity"])) for each in thresholds)
    if len(points) < 2:
        return 1.0  # nothing says how the rate falls: only the same picture is a copy
    return float(tail_through(*points[:2]).threshold(rate)[0])


def _of_fewer(calibration: Mapping[str, Any], pairs: int, fpr: float) -> list[float]:
    """The thresholds of the calibrated schemes that have fewer pairs."""
    found = []
    for name in calibration.get("schemes", {}):
        parts, _, views = name.partition(" ")
        count = vectors_of_scheme("" if parts == "none" else parts) * (MOST_VIEWS if views else 1)
        similarity = _measured(calibration, name, fpr)
        if count <= pairs and similarity is not None:
            found.append(similarity)
    return found

"""The form of the analysis module: a list of positions, each with its labels and their scores.

The original is https://github.com/sogang-mm/analysis-module, where it is the ``result`` of a record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from visop.detection import Box, Detection, Unplaced, shortest

# Of what has no place, as the modules themselves have it.
_NOWHERE = (0.0, 0.0, 0.0, 0.0)


class Position(TypedDict):
    """In pixels of the upright picture: the left upper corner, and the size."""

    x: float
    y: float
    w: float
    h: float


class Label(TypedDict):
    """What may be there."""

    description: str
    score: float


class Entry(TypedDict):
    """One position."""

    position: Position
    label: list[Label]


def analysis_result(found: Iterable[Detection]) -> list[Entry]:
    """Everything that was found in a picture. What has the same box is one entry, its labels by falling score."""
    entries: dict[Box, Entry] = {}
    for detection in sorted(found, key=lambda each: -each.score):
        box = _NOWHERE if isinstance(detection, Unplaced) else detection.box
        entry = entries.setdefault(box, _entry(box))
        entry["label"] += _labels(detection)
    return list(entries.values())


def _entry(box: Box) -> Entry:
    x, y, w, h = map(shortest, box)
    return {"position": {"x": x, "y": y, "w": w, "h": h}, "label": []}


def _labels(found: Detection) -> list[Label]:
    return [{"description": found.label, "score": shortest(found.score)}] if found.label else []

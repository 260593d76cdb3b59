"""From the hits of several vectors to one list, and from the lists of several fields to one: the score functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod

import numpy as np

from visop.http.engine_errors import EngineError

#: A picture and how near it is: the cosine.
Near = tuple[str, float]

# The documentation of the original engine calls two of them otherwise than its code.
_INNER_MODES = {name: name for name in ("first", "random", "distance_first", "avg")}
_INNER_MODES |= {"random-select": "random", "avg-select": "avg"}

DECAY = "linear"

# Of the first and the last result of a field.
_BEST, _WORST = 1.0, 0.5

_COMBINED: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "multiple": prod,
    "avg": lambda scores: sum(scores) / len(scores),
}
SCORE_MODES = ("first", *_COMBINED)


def inner_mode(given: object) -> str:
    """Check how the hits of the vectors of one field become one list. Raises EngineError if it is no such mode."""
    if not isinstance(given, str) or given not in _INNER_MODES:
        why = f"inner_field_score_mode {str(given)[:40]!r}: must be one of {', '.join(_INNER_MODES)}"
        raise EngineError("WrongInnerFieldModeError", why)
    return _INNER_MODES[given]


def score_mode(given: object) -> str:
    """Check how the lists of several fields become one. Raises EngineError if it is no such mode."""
    if not isinstance(given, str) or given not in SCORE_MODES:
        raise EngineError(
            "WrongFieldModeError", f"score_mode {str(given)[:40]!r}: must be one of {', '.join(SCORE_MODES)}"
        )
    return given


def merged(mode: str, hits: Sequence[Sequence[Near]], chosen: int = 0) -> list[str]:
    """The pictures that the vectors of one field find, each once, the best first.

    Args:
        mode: of ``inner_mode``: the hits of the first vector, of the chosen one, of all by distance, or of all in turn.
        hits: of each vector, the nearest first.
        chosen: number of the vector of the mode ``random``.
    """
    if mode in ("first", "random"):
        return [picture for picture, _ in hits[chosen if mode == "random" else 0]]
    if mode == "distance_first":
        found = sorted(chain.from_iterable(hits), key=lambda near: -near[1])
    else:
        found = list(_in_turn(hits))
    return list(dict.fromkeys(picture for picture, _ in found))


def _in_turn(hits: Sequence[Sequence[Near]]) -> Iterator[Near]:
    """The best of each vector that no other one before had, then the second best of each, and so on."""
    seen: set[str] = set()
    left = [iter(each) for each in hits]
    while left:
        going = []
        for each in left:
            if (near := next((near for near in each if near[0] not in seen), None)) is not None:
                seen.add(near[0])
                yield near
                going.append(each)
        left = going


@dataclass(frozen=True)
class Ranking:
    """The entities that one field finds.

    Attributes:
        entities: their ids, the best first.
        weight: of the field.
    """

    entities: Sequence[str]
    weight: float = 1.0

    @property
    def scores(self) -> dict[str, float]:
        """Of the entities, by the linear decay of the original engine: from 1 for the first to 0.5 for the last."""
        decayed = np.linspace(_BEST, _WORST, len(self.entities))
        return {id_: self.weight * float(score) for id_, score in zip(self.entities, decayed, strict=True)}


def combined(mode: str, fields: Sequence[Ranking], topk: int) -> list[str]:
    """The entities that several fields find, the highest score first; where a field does not find one, it gives it 0.

    Args:
        mode: of ``score_mode``.
        fields: at least one, in the order of the application.
        topk: how many.
    """
    if mode == "first" or len(fields) == 1:
        return list(fields[0].entities)[:topk]
    by_field: list[Mapping[str, float]] = [field.scores for field in fields]
    ids = dict.fromkeys(chain.from_iterable(field.entities for field in fields))
    scores = {id_: [scores.get(id_, 0.0) for scores in by_field] for id_ in ids}
    ranked = sorted(ids, key=lambda id_: (-_COMBINED[mode](scores[id_]), -sum(scores[id_])))
    return ranked[:topk]

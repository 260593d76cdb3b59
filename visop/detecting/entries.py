"""What is written down of a picture: one JSON object, in the forms that the HTTP interface has, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from visop.client import FoundPart
from visop.detection import shortest
from visop.errors import UsageError, VisopError
from visop.rpc.statuses import code_of

#: ``input``, and then either ``parts`` and perhaps ``annotated``, or ``code`` and ``reason``.
Entry = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """Which parts are wanted. What an original processor finds has no score and no label, and is always wanted.

    Attributes:
        min_score: the least score.
        labels: any, if empty.
    """

    min_score: float | None = None
    labels: tuple[str, ...] = ()

    def check(self, known: Sequence[str]) -> None:
        """Refuse labels that are never given.

        Args:
            known: what the processor may find; empty if it does not say.

        Raises:
            UsageError: one is none of these.
        """
        for label in self.labels:
            if known and label not in known:
                raise UsageError("labels", label, f"is never found; must be one of {', '.join(known)}")

    def of(self, parts: Sequence[FoundPart]) -> list[FoundPart]:
        """Those that are wanted, in order."""
        return [part for part in parts if part.score is None or self._wants(part.score, part.label)]

    def _wants(self, score: float, label: str) -> bool:
        return (self.min_score is None or score >= self.min_score) and (not self.labels or label in self.labels)


def entry_of(name: str, result: Sequence[FoundPart] | VisopError) -> Entry:
    """The entry of an input: what was found, or why that is not known."""
    if isinstance(result, VisopError):
        return {"input": name, "code": code_of(result).name, "reason": str(result)}
    return {"input": name, "parts": [_part(part) for part in result]}


def _part(part: FoundPart) -> dict[str, Any]:
    said: dict[str, Any] = {"box": None, "label": part.label, "score": None, "keypoints": []}
    if part.box is not None:
        said["box"] = dict(zip("xywh", map(shortest, part.box), strict=True))
        said["keypoints"] = [{"x": shortest(x), "y": shortest(y)} for x, y in part.keypoints]
    if part.score is not None:
        said["score"] = shortest(part.score)
    return said


@dataclass
class Tally:
    """How many there are.

    Attributes:
        good: pictures in which something could be looked for.
        parts: what was found in them.
        bad: inputs that failed.
        reasons: how many of them there are of each reason.
    """

    good: int = 0
    parts: int = 0
    bad: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, entry: Entry) -> None:
        """Count one more."""
        if "code" in entry:
            self.bad += 1
            self.reasons[entry.get("reason", "")] += 1
        else:
            self.good += 1
            self.parts += len(entry["parts"])

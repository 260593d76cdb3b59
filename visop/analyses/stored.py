"""What operators answered, as rows of the database, and back.

All vectors of a result stand in one column, one after the other: float32, little-endian. ``output`` says what they are:

    {"vector": true}                               one, of the whole picture
    {"detections": [{"box": [x, y, w, h], "label": ..., "score": ..., "keypoints": [[x, y], ...], "vector": 0}, ...]}
    {"descriptors": {"MAC": 512, "SPoC": 512}}     several, with their lengths, in this order
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visop.analyses.analyse import Answer, errors_of
from visop.analyses.models import Label, Result
from visop.analyses.operators import OperatorResult
from visop.analyses.states import State
from visop.client import FoundPart
from visop.contract import Vector
from visop.errors import VisopError
from visop.rpc.statuses import code_of

_FLOAT = np.dtype("<f4")
_LONGEST_LABEL = 200


@dataclass(frozen=True)
class Outcome:
    """How an analysis ended.

    Attributes:
        state: ``DONE`` if an operator answered, else ``FAILED``.
        error_code: the name of the status of gRPC, if it failed.
        error: the same in words.
    """

    state: State
    error_code: str | None = None
    error: str | None = None

    @classmethod
    def failed(cls, error: VisopError) -> Outcome:
        """Say that it failed as a whole."""
        return cls(State.FAILED, code_of(error).name, str(error))


def outcome_of(answers: Sequence[Answer]) -> Outcome:
    """How an analysis ended whose operators answered so: one that fails does not fail the others."""
    errors = errors_of(answers)
    if len(errors) < len(answers):
        return Outcome(State.DONE)
    if len({str(each) for each in errors}) == 1:
        return Outcome.failed(errors[0])
    named = "; ".join(f"{answer.operator}: {error}" for answer, error in zip(answers, errors, strict=True))
    return Outcome(State.FAILED, code_of(errors[0]).name, named)


def result_rows(answers: Sequence[Answer]) -> list[Result]:
    """The rows of the answers of an analysis, in order."""
    return [_row(each) for each in answers]


def label_rows(answers: Sequence[Answer]) -> list[Label]:
    """The best score of each label that each operator found, without the id of the analysis."""
    best: dict[tuple[str, str], float | None] = {}
    for answer in answers:
        for part in _detections(answer.result):
            if part.label:
                key = answer.operator, part.label[:_LONGEST_LABEL]
                best[key] = _larger(best.get(key), part.score)
    return [Label(operator=operator, label=label, score=score) for (operator, label), score in best.items()]


def vector_of(row: Result) -> Vector | None:
    """The vector of the whole picture, (dimension,) float32, if the result has one."""
    return _floats(row) if row.output and row.output.get("vector") else None


def detections_of(row: Result, *, vectors: bool = True) -> list[FoundPart] | None:
    """What was found, if the operator finds parts of pictures; without ``vectors``, their column is not read."""
    if row.output is None or "detections" not in row.output:
        return None
    floats = _floats(row).reshape(-1, row.dimension or 1) if vectors else None
    return [_part(each, floats) for each in row.output["detections"]]


def descriptors_of(row: Result) -> dict[str, Vector] | None:
    """Several vectors of one pass, by name, if the operator gives them."""
    if row.output is None or "descriptors" not in row.output:
        return None
    lengths: Mapping[str, int] = row.output["descriptors"]
    ends = np.cumsum(list(lengths.values()))
    return dict(zip(lengths, np.split(_floats(row), ends), strict=False))  # after the last one there is nothing


def _row(answer: Answer) -> Result:
    row = Result(operator=answer.operator, fingerprint=answer.fingerprint, seconds=answer.seconds, state=State.DONE)
    if isinstance(answer.result, VisopError):
        row.state, row.error_code, row.error = State.FAILED, code_of(answer.result).name, str(answer.result)
    else:
        row.output, vectors = _output(answer.result)
        row.dimension = vectors[0].shape[-1] if vectors else None
        row.vector = b"".join(each.astype(_FLOAT).tobytes() for each in vectors) if vectors else None
    return row


def _output(result: OperatorResult) -> tuple[dict[str, Any], list[Vector]]:
    if result.descriptors is not None:
        return {"descriptors": {name: len(each) for name, each in result.descriptors.items()}}, list(
            result.descriptors.values()
        )
    if result.detections is not None:
        vectors = [each.vector for each in result.detections if each.vector is not None]
        return {"detections": list(_told(result.detections))}, vectors
    return ({"vector": True}, [result.vectors]) if result.vectors is not None else ({}, [])


def _told(parts: Iterable[FoundPart]) -> Iterable[dict[str, Any]]:
    number = 0
    for part in parts:
        told: dict[str, Any] = {"box": part.box and list(part.box), "label": part.label, "score": part.score}
        told["keypoints"] = [list(each) for each in part.keypoints]
        if part.vector is not None:
            told["vector"] = number
            number += 1
        yield told


def _part(told: Mapping[str, Any], vectors: Vector | None) -> FoundPart:
    return FoundPart(
        box=told["box"] and tuple(told["box"]),
        label=told["label"],
        score=told["score"],
        keypoints=tuple((x, y) for x, y in told["keypoints"]),
        vector=vectors[told["vector"]] if vectors is not None and "vector" in told else None,
    )


def _larger(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _detections(result: OperatorResult | VisopError) -> Sequence[FoundPart]:
    return (result.detections or ()) if isinstance(result, OperatorResult) else ()


def _floats(row: Result) -> Vector:
    return np.frombuffer(row.vector or b"", _FLOAT).astype(np.float32, copy=False)

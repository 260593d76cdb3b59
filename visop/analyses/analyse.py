"""Several operators on a chunk of pictures: one call for each operator, and no error of one is that of another."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

from visop.analyses.operators import OperatorResult, RunsOperator
from visop.errors import ModelFailed, VisopError
from visop.tracing.current import part


@dataclass(frozen=True)
class Answer:
    """What one operator made of one picture, or why it did not.

    Attributes:
        operator: its name.
        fingerprint: of its vectors; empty if it does not say, or did not answer.
        result: or the error.
        seconds: of the call that the picture was in, divided by its pictures.
    """

    operator: str
    fingerprint: str
    result: OperatorResult | VisopError
    seconds: float


def analyse(
    pictures: Sequence[bytes], operators: Sequence[RunsOperator], timeout_s: float, *, bulk: bool = False
) -> list[list[Answer]]:
    """Give all pictures to all operators, these side by side.

    Args:
        pictures: contents of image files.
        operators: in the order that the answers shall have.
        timeout_s: for each of them, in seconds.
        bulk: whether others of these operators go first, for whom somebody waits.

    Returns:
        For each picture, in order, one answer of each operator. Never raises for what an operator does.
    """
    if len(operators) == 1:  # a thread costs as much as a small picture
        columns = [_run(pictures, operators[0], timeout_s, bulk=bulk)]
    else:
        with ThreadPoolExecutor(max(1, len(operators)), "visop-analyse") as threads:
            runs = [partial(copy_context().run, _run, pictures, each, timeout_s, bulk=bulk) for each in operators]
            columns = list(threads.map(lambda run: run(), runs))
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in pictures]


def _run(pictures: Sequence[bytes], operator: RunsOperator, timeout_s: float, *, bulk: bool) -> list[Answer]:
    began, results = time.monotonic(), _results(pictures, operator, timeout_s, bulk=bulk)
    seconds = (time.monotonic() - began) / max(1, len(pictures))
    fingerprint = _fingerprint(operator) if any(isinstance(each, OperatorResult) for each in results) else ""
    return [Answer(operator.name, fingerprint, each, seconds) for each in results]


def _results(
    pictures: Sequence[bytes], operator: RunsOperator, timeout_s: float, *, bulk: bool
) -> Sequence[OperatorResult | VisopError]:
    try:
        with part("analyse", attributes={"visop.operator": operator.name, "visop.inputs": len(pictures)}):
            found = operator.run(pictures, timeout_s, bulk=bulk)
    except VisopError as error:
        return [error] * len(pictures)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other operators have answers
        return [ModelFailed(f"{type(error).__name__}: {error}")] * len(pictures)
    if len(found) != len(pictures):
        return [ModelFailed(f"{len(found)} results for {len(pictures)} pictures")] * len(pictures)
    return found


def _fingerprint(operator: RunsOperator) -> str:
    try:
        return operator.info.fingerprint
    except VisopError:
        return ""


def errors_of(answers: Iterable[Answer]) -> list[VisopError]:
    """Those of the operators that failed."""
    return [each.result for each in answers if isinstance(each.result, VisopError)]

"""Analyse one picture while its caller waits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from visop.analyses.analyse import Answer, analyse, errors_of
from visop.analyses.columns import now
from visop.analyses.context import Context
from visop.analyses.pictures import KeptFile
from visop.analyses.records import Ended
from visop.analyses.stored import Outcome, outcome_of
from visop.errors import VisopError
from visop.images.formats.limits import check_size


@dataclass(frozen=True)
class Analysed:
    """A picture that was analysed.

    Attributes:
        ended: how, and what the operators answered.
        kept: the picture; None if it is none, or could not be fetched.
    """

    ended: Ended
    kept: KeptFile | None


def analyse_at_once(context: Context, given: bytes | str, names: Sequence[str], timeout_s: float) -> Analysed:
    """Fetch a picture if it is a URL, give it to the operators, and keep it if it is one.

    Args:
        context: with the operators.
        given: the content of a file, or a URL.
        names: of the operators.
        timeout_s: for everything, in seconds.

    Raises:
        UsageError: an operator is not here.
        PicturesUnavailable: the picture cannot be kept.
    """
    operators, started, deadline = context.named(list(names)), now(), time.monotonic() + timeout_s
    try:
        data = given if isinstance(given, bytes) else context.fetch(given, timeout_s)
        check_size(data, context.settings.max_image_bytes)
        with context.pictures.keeping(data) as kept:
            [answers] = analyse([data], operators, max(0.0, deadline - time.monotonic()))
            _check(context, data, answers)
    except VisopError as error:
        return Analysed(Ended(Outcome.failed(error), (), started), None)
    return Analysed(Ended(outcome_of(answers), answers, started), kept.result())


def _check(context: Context, data: bytes, answers: Sequence[Answer]) -> None:
    """Find out whether it is a picture, unless an operator has read it, which is as good and costs nothing."""
    if len(errors_of(answers)) == len(answers):
        context.pictures.check(data)

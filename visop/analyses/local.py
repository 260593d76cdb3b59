"""Run an operator in this process for stored analyses: a class, or the encoder that is shipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from visop.analyses.operators import OperatorResult
from visop.contract import OperatorInfo
from visop.detecting.local import as_answered
from visop.detection import Found
from visop.encoding.local import open_local_pipeline
from visop.errors import VisopError
from visop.images.crops import CropOptions
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.part_encoder import AnyOperator
from visop.serving.pipeline import Call, Input
from visop.settings import Settings


class Local:
    """A loaded operator behind a pipeline. See ``RunsOperator``.

    Args:
        name: as analyses name it.
        operator: loaded.
        pipeline: of the operator.
        on_close: releases both; a pipeline that serves others, too, is closed by them.
    """

    def __init__(
        self, name: str, operator: AnyOperator, pipeline: AnyPipeline, on_close: Callable[[], object] = lambda: None
    ) -> None:
        self.name, self.info, self._pipeline, self._on_close = name, operator.info(), pipeline, on_close

    def run(
        self, pictures: Sequence[bytes], timeout_s: float, *, bulk: bool = False
    ) -> list[OperatorResult | VisopError]:
        """One result for each picture. See ``RunsOperator.run``."""
        most, deadline = self._pipeline.max_items, time.monotonic() + timeout_s
        chunks = [pictures[first : first + most] for first in range(0, len(pictures), most)]
        calls = [self._start(chunk, deadline, bulk=bulk) for chunk in chunks]
        return [_result(each, self.info) for call in calls for each in call.results()]

    def _start(self, pictures: Sequence[bytes], deadline: float, *, bulk: bool) -> Call:
        inputs = [Input(f"images[{number}]", each) for number, each in enumerate(pictures)]
        left_s = max(0.0, deadline - time.monotonic())
        return self._pipeline.start(inputs, left_s, patient=True, bulk=bulk, crops=CropOptions(omit=True))

    def trouble(self) -> str | None:
        """Why it cannot be used now."""
        return self._pipeline.trouble()

    def close(self) -> None:
        """Release the model."""
        self._on_close()


def open_local_operator(name: str, settings: Settings) -> Local:
    """Load and warm up the configured operator.

    Raises:
        UsageError: a setting is wrong.
        ModelFailed: it cannot be loaded, or failed its warm-up.
    """
    with ExitStack() as stack:
        operator, pipeline = stack.enter_context(open_local_pipeline(settings, lambda _: None))
        return Local(name, operator, pipeline, stack.pop_all().close)


def _result(result: Any, info: OperatorInfo) -> OperatorResult | VisopError:
    if isinstance(result, VisopError):
        return result
    if isinstance(result, Found):
        return OperatorResult(detections=tuple(as_answered(each) for each in result.parts))
    return OperatorResult.of_vector(result, info)

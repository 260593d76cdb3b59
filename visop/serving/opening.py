"""The operator that the settings mean, in this process: loaded, warm, and with its pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from visop.serving.operators import load_model, load_operator
from visop.serving.part_encoder import AnyOperator
from visop.serving.pipeline import Pipeline
from visop.settings import Settings


@contextmanager
def open_here(
    settings: Settings, *, one_peer: bool = False, check: Callable[[AnyOperator], object] = lambda _: None
) -> Iterator[tuple[AnyOperator, Pipeline]]:
    """The configured operator, and the pipeline that feeds it. Arguments and errors as of ``open_pipeline``."""
    operator = load_operator(settings)
    check(operator)
    load_model(operator)
    try:
        operator.warm_up()
        with Pipeline(operator, settings, one_peer=one_peer) as pipeline:
            yield operator, pipeline
    finally:
        operator.close()

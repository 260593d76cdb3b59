"""Use an operator in this process as if over a client, to encode a folder without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from visop.ahead import started_ahead
from visop.client import HEALTHY
from visop.client.remote_waits import with_patience
from visop.contract import OperatorInfo, Vector
from visop.errors import VisopError
from visop.serving.lifecycle import open_pipeline
from visop.serving.operators import check_encoder
from visop.serving.pipeline import Call, Input, Pipeline
from visop.serving.steps import vectors_of
from visop.settings import Settings

# The time limit of a call is meant for callers who wait. Here it only ends a run whose model hangs.
_TIMEOUT_S = 600.0

# Batches under way: one in the model, the next ones being read and decoded.
_WINDOW = 3


class LocalEncoder:
    """Feeds a pipeline, a few batches ahead of the results.

    Attributes:
        info: what the operator is.
    """

    def __init__(self, info: OperatorInfo, pipeline: Pipeline) -> None:
        self.info, self._pipeline = info, pipeline

    def health(self) -> str:
        """``HEALTHY``, or what is wrong."""
        return self._pipeline.trouble() or HEALTHY

    def encode_stream(self, inputs: Iterable[bytes | str | VisopError], *, batch: int) -> Iterator[Vector | VisopError]:
        """Do as ``visop.client.Client.encode_stream``."""
        batch = min(batch, self._pipeline.max_items)
        source = iter(inputs)
        batches = iter(lambda: list(islice(source, batch)), [])
        for items, call in started_ahead(self._start, batches, _WINDOW):
            yield from with_patience(items, lambda again: _results(again, self._start(again)), _results(items, call))

    def _start(self, items: Sequence[bytes | str | VisopError]) -> Call:
        return self._pipeline.start(_inputs(items), patient=True)


@contextmanager
def open_local(settings: Settings) -> Iterator[LocalEncoder]:
    """Load and warm up the configured operator. Raises what ``open_pipeline`` raises."""
    settings = replace(settings, request_timeout_s=_TIMEOUT_S)
    with open_pipeline(settings, one_peer=True) as (operator, pipeline):
        yield LocalEncoder(check_encoder(operator).info(), pipeline)


def _inputs(items: Sequence[bytes | str | VisopError]) -> list[Input]:
    return [
        Input(f"inputs[{index}]", item, is_url=isinstance(item, str))
        for index, item in enumerate(items)
        if not isinstance(item, VisopError)
    ]


def _results(items: Sequence[bytes | str | VisopError], call: Call) -> list[Vector | VisopError]:
    """Return the results of the call, with inputs that were errors from the start in their places."""
    answers = iter(vectors_of(call.results()))
    return [item if isinstance(item, VisopError) else next(answers) for item in items]

"""Use an operator in this process as if over a client, to encode a folder without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from visop.ahead import started_ahead
from visop.client import HEALTHY
from visop.client.remote_waits import with_patience
from visop.contract import OperatorInfo, Vector
from visop.detection import Found
from visop.encoding.encoded import EncodedPicture, picture_of
from visop.errors import VisopError
from visop.images.crops import CropOptions
from visop.part_scheme import of_pictures
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.lifecycle import open_pipeline
from visop.serving.operators import check_encoder, check_encodes_pictures
from visop.serving.part_encoder import AnyOperator, PartEncoder
from visop.serving.pipeline import Call, Input
from visop.serving.steps import Result
from visop.settings import Settings

# The time limit of a call is meant for callers who wait. Here it only ends a run whose model hangs.
_TIMEOUT_S = 600.0

# Batches under way: one in the model, the next ones being read and decoded.
_WINDOW = 3


class LocalOperator:
    """Feeds a pipeline, a few batches ahead of the results.

    Args:
        info: what the operator is.
        pipeline: of the operator.
        crops: of a processor; None is as the settings say.

    Attributes:
        info: what the operator is.
    """

    def __init__(self, info: OperatorInfo, pipeline: AnyPipeline, crops: CropOptions | None = None) -> None:
        self.info, self._pipeline, self._crops = info, pipeline, crops

    def health(self) -> str:
        """``HEALTHY``, or what is wrong."""
        return self._pipeline.trouble() or HEALTHY

    def results(self, inputs: Iterable[bytes | str | VisopError], *, batch: int) -> Iterator[Result | VisopError]:
        """One result for each input, in order. Arguments as of ``visop.client.Client.encode_stream``."""
        batch = min(batch, self._pipeline.max_items)
        source = iter(inputs)
        batches = iter(lambda: list(islice(source, batch)), [])
        for items, call in started_ahead(self._start, batches, _WINDOW):
            yield from with_patience(items, self._again, _results(items, call))

    def _again(self, items: Sequence[bytes | str | VisopError]) -> list[Any]:
        return _results(items, self._start(items))

    def _start(self, items: Sequence[bytes | str | VisopError]) -> Call:
        return self._pipeline.start(_inputs(items), patient=True, bulk=True, crops=self._crops)


class LocalEncoder(LocalOperator):
    """An encoder of whole pictures."""

    def encode_stream(self, inputs: Iterable[bytes | str | VisopError], *, batch: int) -> Iterator[Vector | VisopError]:
        """Do as ``visop.client.Client.encode_stream``."""
        return (each for each in self.results(inputs, batch=batch) if not isinstance(each, Found))


class LocalPictures(LocalOperator):
    """A pipeline of which the whole picture is the first part."""

    def encode_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[EncodedPicture | VisopError]:
        """Do as ``visop.encoding.encoded.PictureEncoder``."""
        return map(picture_of, self.results(inputs, batch=batch))


@contextmanager
def open_local_pictures(settings: Settings) -> Iterator[LocalEncoder | LocalPictures]:
    """Load and warm up the configured encoder, or pipeline with whole pictures. Raises as ``open_local``."""
    with open_local_pipeline(settings, check_encodes_pictures) as (operator, pipeline):
        yield local_pictures(operator, pipeline)


def local_pictures(operator: AnyOperator, pipeline: AnyPipeline) -> LocalEncoder | LocalPictures:
    """The encoder of pictures that an operator and its pipeline are."""
    kind = LocalPictures if isinstance(operator, PartEncoder) else LocalEncoder
    return kind(of_pictures(operator.info()), pipeline)


@contextmanager
def open_local(settings: Settings) -> Iterator[LocalEncoder]:
    """Load and warm up the configured operator. Raises what ``open_pipeline`` raises."""
    with open_local_pipeline(settings, check_encoder) as (operator, pipeline):
        yield LocalEncoder(operator.info(), pipeline)


def open_local_pipeline(
    settings: Settings, check: Callable[[AnyOperator], object]
) -> AbstractContextManager[tuple[AnyOperator, AnyPipeline]]:
    """The configured operator and its pipeline, for calls of this process alone.

    Args:
        settings: of both.
        check: raises if the operator is not of the kind that is wanted; called before it is loaded.

    Raises:
        UsageError: as ``check`` or ``open_pipeline``.
        ModelFailed: as ``open_pipeline``.
    """
    return open_pipeline(replace(settings, request_timeout_s=_TIMEOUT_S), one_peer=True, check=check)


def _inputs(items: Sequence[bytes | str | VisopError]) -> list[Input]:
    return [
        Input(f"inputs[{index}]", item, is_url=isinstance(item, str))
        for index, item in enumerate(items)
        if not isinstance(item, VisopError)
    ]


def _results(items: Sequence[bytes | str | VisopError], call: Call) -> list[Any]:
    """Return the results of the call, with inputs that were errors from the start in their places."""
    answers = iter(call.results())
    return [item if isinstance(item, VisopError) else next(answers) for item in items]

"""Use a processor in this process as if over a client, to look through a folder without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from visop.client import FoundPart
from visop.contract import Encoder
from visop.detection import Found, Part, Unplaced
from visop.encoding.local import LocalOperator, open_local_pipeline
from visop.errors import UsageError, VisopError
from visop.images.crops import CropOptions
from visop.processors.registry import names_encoder, processor_names
from visop.serving.operators import is_built_in
from visop.serving.part_encoder import AnyOperator
from visop.settings import Settings


class LocalDetector(LocalOperator):
    """A processor, or a pipeline."""

    def detect_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[list[FoundPart] | VisopError]:
        """Do as ``visop.client.Client.detect_stream``, without crops but of parts without a place."""
        for result in self.results(inputs, batch=batch):
            if isinstance(result, Found):
                yield [as_answered(part) for part in result.parts]
            elif isinstance(result, VisopError):
                yield result


@contextmanager
def open_local(settings: Settings) -> Iterator[LocalDetector]:
    """Load and warm up the configured operator.

    Raises:
        UsageError: it is an encoder of whole pictures, or as ``open_local_pipeline``.
        ModelFailed: as ``open_local_pipeline``.
    """
    check_model_finds(settings)
    with open_local_pipeline(settings, check_finds) as (operator, pipeline):
        yield LocalDetector(operator.info(), pipeline, CropOptions(omit=True))


def check_model_finds(settings: Settings) -> None:
    """Do as ``check_finds`` where the name of the model says it, so that nobody is asked for the weights before."""
    if not settings.processor and is_built_in(settings) and names_encoder(settings.model):
        raise _finds_nothing(settings.model)


def check_finds(operator: AnyOperator) -> None:
    """Refuse an encoder of whole pictures with a UsageError."""
    if isinstance(operator, Encoder):
        raise _finds_nothing(operator.name)


def _finds_nothing(encoder: str) -> UsageError:
    names = ", ".join(processor_names())
    why = f"the encoder {encoder} finds nothing in pictures; choose a processor: {names}, or a class of yours"
    return UsageError("model", "", why)


def as_answered(part: Part) -> FoundPart:
    """A part as a client would get it, without a crop unless that is all that is known of its place."""
    found = part.detection
    box, crop = (None, found.crop) if isinstance(found, Unplaced) else (found.box, part.crop)
    return FoundPart(box, found.label, found.score, found.keypoints, crop, part.vector)

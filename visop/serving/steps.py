"""The stages of an input between its decoded picture and its result, for each kind of operator.

An encoder has one: its model. A processor has its model and ``postprocess``. A pipeline has those, and the encoder's
model for each part. Every stage runs in a thread that it shares with others, hands over, and forgets.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from visop.contract import Encoder, Image, Operator, Processor, Vector
from visop.detection import Box, Detection, Found, Part, Unplaced, best
from visop.errors import CallerGone, ModelFailed, VisopError
from visop.images.crops import crop_file
from visop.images.overlay import overlay_file
from visop.serving.batcher import Batcher, Job
from visop.serving.decoded import Decoded
from visop.serving.part_encoder import AnyOperator, PartChoice, PartEncoder, vectors_of_processor
from visop.serving.part_images import PartImages
from visop.serving.remote.calls import RemoteCalls
from visop.serving.remote.encoder import RemoteEncoder
from visop.serving.remote.processor import RemoteProcessor
from visop.serving.user_code import Returning
from visop.settings import Settings

logger = logging.getLogger(__name__)

#: Of one input: the vector of an encoder, or what a processor or a pipeline found.
Result = Vector | Found


@dataclass(eq=False)
class InputJob(Job[Any, Result]):
    """One input, and what models work on for it, which ends with it.

    Attributes:
        under_way: jobs of its parts.
    """

    under_way: set[Job[Any, Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """See that they end."""
        self.future.add_done_callback(lambda _: self.cancel_parts())

    def cancel_parts(self) -> None:
        """Drop what no model has taken yet."""
        for part in list(self.under_way):
            part.future.cancel()


# Of pictures that are decoded while the model has others.
_BATCHES_AHEAD = 2

Item = TypeVar("Item")
Out = TypeVar("Out")


class Model(Protocol[Item, Out]):
    """What works on the items of jobs: a ``Batcher``, or ``RemoteCalls``."""

    def submit(self, *jobs: Job[Item, Out]) -> None:
        """Take jobs, to work on them together, and end them."""

    def trouble(self) -> str | None:
        """Why results cannot be had now, or None if they can."""

    def hangs(self) -> bool:
        """Whether it is in a trouble that nothing but a new process ends."""

    def wait_s(self) -> float:
        """How long what comes now will wait for a model, as far as is known, in seconds."""

    def close(self, timeout_s: float) -> None:
        """Finish what was submitted. Idempotent."""


class Steps(Protocol):
    """What follows decoding.

    Attributes:
        decode_side: as of an operator.
        gives_parts: whether the result is what was found in a picture, and not a vector.
        needs_files: whether pictures are sent on as the files that they came as.
        most_held: pictures that may be held decoded at once, until their parts are done.
    """

    decode_side: int | None
    gives_parts: bool
    needs_files: bool
    most_held: int

    def begin(self, job: InputJob, picture: Decoded) -> None:
        """In a decoding thread: take the picture on. Raises what ends the input."""

    def begin_boxes(self, job: InputJob, picture: Decoded, boxes: Sequence[Box]) -> None:
        """As ``begin``, for a vector of each of these parts of the picture: the result is ``Found``."""

    def trouble(self) -> str | None:
        """Why results cannot be had now, or None if they can."""

    def hangs(self) -> bool:
        """Whether it is in a trouble that nothing but a new process ends."""

    def wait_s(self) -> float:
        """How long what comes now will wait for a model, as far as is known, in seconds."""

    def close(self, timeout_s: float) -> None:
        """Finish what was begun. Idempotent."""


def vectors_of(results: Sequence[Result | VisopError]) -> list[Vector | VisopError]:
    """The results of an encoder, which has no others than these."""
    return [result for result in results if not isinstance(result, Found)]


def found_in_one(results: Sequence[Result | VisopError]) -> Found:
    """What a processor found in the one picture of a call.

    Raises:
        VisopError: that of the picture.
    """
    [result] = results
    if isinstance(result, VisopError):
        raise result
    return result if isinstance(result, Found) else Found()


def steps_of(operator: AnyOperator, settings: Settings) -> Steps:
    """The steps for this operator."""
    if isinstance(operator, PartEncoder):
        return EncodeParts(operator, settings)
    if isinstance(operator, Processor):
        return Find(operator, settings)
    return Encode(operator, settings)


class Encode:
    """One vector of a picture."""

    gives_parts = False
    needs_files = False
    most_held = 0  # a picture is let go of when it has been preprocessed

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        self._encoder = encoder
        self.decode_side = encoder.decode_side
        self._returning = Returning(settings.request_timeout_s)
        self._model: Model[Any, Result] = _model(encoder, settings)
        self._chosen = EncodeChosen(self, encoder, PartChoice(), settings)

    def begin(self, job: InputJob, picture: Decoded) -> None:
        """Preprocess, and leave the rest to the model."""
        with job.spending("preprocess"):
            job.item = self.prepared(picture.image)
        self._model.submit(job)

    def begin_boxes(self, job: InputJob, picture: Decoded, boxes: Sequence[Box]) -> None:
        """Cut them out, and encode them together."""
        self._chosen.begin(job, picture, list(map(Detection, boxes)))

    def prepared(self, image: Image) -> Any:
        """Call ``preprocess``, and see that it returns."""
        with self._returning.expected("preprocess"):
            return self._encoder.preprocess(image)

    def begin_parts(self, job: InputJob, parts: Sequence[tuple[Any, Callable[[Any], None]]]) -> None:
        """Have the model encode parts of an input together, and call what stands beside each with its vector."""
        follow(job, self._model, parts)

    def trouble(self) -> str | None:
        """Of ``preprocess`` or the model."""
        return self._returning.trouble() or self._model.trouble()

    def hangs(self) -> bool:
        """Of either."""
        return self._returning.trouble() is not None or self._model.hangs()

    def wait_s(self) -> float:
        """For the model."""
        return self._model.wait_s()

    def close(self, timeout_s: float) -> None:
        """Finish what the model has."""
        self._model.close(timeout_s)


class Find:
    """The parts of a picture, with their crops."""

    gives_parts = True

    def __init__(self, processor: Processor, settings: Settings) -> None:
        self._processor, self._most = processor, settings.max_parts_per_picture
        self.decode_side = processor.decode_side
        self.most_held = _BATCHES_AHEAD * processor.max_batch
        self.needs_files = isinstance(processor, RemoteProcessor)
        self._returning = Returning(settings.request_timeout_s)
        self._model: Model[Any, Any] = _model(processor, settings)

    def begin(self, job: InputJob, picture: Decoded) -> None:
        """Find the parts and cut them out."""

        def cut_out(found: list[Detection]) -> None:
            with job.spending("crops"):
                result = _cut_out(job, picture, best(found, self._most))
            job.finish(result)

        self.find(job, picture, cut_out)

    def begin_boxes(self, job: InputJob, picture: Decoded, boxes: Sequence[Box]) -> None:
        """There is no encoder."""
        raise ModelFailed("a processor gives no vectors")

    def find(self, job: InputJob, picture: Decoded, then: Callable[[list[Detection]], None]) -> None:
        """Find the parts, and go on in a decoding thread."""
        with job.spending("preprocess"):
            item = self._item(picture)

        def go_on(raw: Any) -> None:
            with job.spending("postprocess"):
                detections = self._detections(raw, picture.size)
            then(detections)

        def found(raw: Any) -> None:
            picture.go_on(lambda: go_on(raw))

        follow(job, self._model, [(item, found)])

    def _item(self, picture: Decoded) -> Any:
        if isinstance(self._processor, RemoteProcessor):
            return partial(self._processor.file_of, picture.file, picture.image)
        with self._returning.expected("preprocess"):
            return self._processor.preprocess(picture.image)

    def _detections(self, raw: Any, size: tuple[int, int]) -> list[Detection]:
        with self._returning.expected("postprocess"):
            return self._processor.detections(raw, size)

    def trouble(self) -> str | None:
        """Of ``preprocess``, ``postprocess`` or the model."""
        return self._returning.trouble() or self._model.trouble()

    def hangs(self) -> bool:
        """Of any of them."""
        return self._returning.trouble() is not None or self._model.hangs()

    def wait_s(self) -> float:
        """For the model."""
        return self._model.wait_s()

    def close(self, timeout_s: float) -> None:
        """Finish what the model has."""
        self._model.close(timeout_s)


class EncodeParts:
    """A vector for each part of a picture."""

    decode_side: int | None = None  # parts are encoded as they are in the file
    gives_parts = True

    def __init__(self, operator: PartEncoder, settings: Settings) -> None:
        self._choice = operator.choice
        self._find = Find(operator.processor, settings)
        self._encode = Encode(operator.encoder, settings)
        self._chosen = EncodeChosen(self._encode, operator.encoder, operator.choice, settings)
        self.needs_files = self._find.needs_files or isinstance(operator.encoder, RemoteEncoder)
        self.most_held = self._find.most_held

    def begin(self, job: InputJob, picture: Decoded) -> None:
        """Find the parts, then encode them."""
        self._find.find(
            job, picture, lambda found: self._chosen.begin(job, picture, self._choice.of(found, picture.size))
        )

    def begin_boxes(self, job: InputJob, picture: Decoded, boxes: Sequence[Box]) -> None:
        """Find nothing, and encode these."""
        self._encode.begin_boxes(job, picture, boxes)

    def trouble(self) -> str | None:
        """Of either operator."""
        return self._find.trouble() or self._encode.trouble()

    def hangs(self) -> bool:
        """Of either operator."""
        return self._find.hangs() or self._encode.hangs()

    def wait_s(self) -> float:
        """For both models."""
        return self._find.wait_s() + self._encode.wait_s()

    def close(self, timeout_s: float) -> None:
        """Finish what both models have."""
        self._find.close(timeout_s)
        self._encode.close(timeout_s)


class EncodeChosen:
    """A vector for each of some parts of a picture.

    Args:
        encode: has the model.
        encoder: what it is.
        choice: with the margin of a part.
        settings: with limits.
    """

    def __init__(self, encode: Encode, encoder: Encoder, choice: PartChoice, settings: Settings) -> None:
        self._encode, self._encoder, self._images = encode, encoder, PartImages(choice, settings)

    def begin(self, job: InputJob, picture: Decoded, chosen: Sequence[Detection]) -> None:
        """End the job with the vectors of these parts, in order."""
        if not chosen:
            job.finish(_found(picture, ()))
            return
        for each in chosen:
            picture.spend(each, 0, int(self._encoder.dimension))
        parts = _Parts(job, picture, chosen, self._encoder.max_batch)
        picture.count(min(len(chosen), _BATCHES_AHEAD * parts.group))
        if not parts.left:
            parts.finish()
        for _ in range(_BATCHES_AHEAD):  # one is prepared while the model has another
            self._encode_next(parts)

    def _encode_next(self, parts: _Parts) -> None:
        """Encode the next group of parts together, for a model is slower with one at a time."""
        numbers = parts.next_numbers()
        if not numbers:
            return
        with parts.job.spending("crops"):
            items = [self._item(parts.picture, parts.chosen[number]) for number in numbers]
        thens = [partial(self._encoded, parts, number) for number in numbers]
        self._encode.begin_parts(parts.job, list(zip(items, thens, strict=True)))

    def _encoded(self, parts: _Parts, number: int, vector: Vector) -> None:
        """Go on with the next group for each that is done."""
        done = parts.keep(number, vector)
        if done == len(parts.left):
            parts.picture.go_on(parts.finish)
        elif done % parts.group == 0:
            parts.picture.go_on(partial(self._encode_next, parts))

    def _item(self, picture: Decoded, part: Detection) -> Any:
        if isinstance(self._encoder, RemoteEncoder):
            return partial(self._images.file_of, picture, part, self._encoder)
        return self._encode.prepared(self._images.image_of(picture, part))


class _Parts:
    """The parts of one picture while they are encoded, in groups of nearly the same size.

    What the processor has encoded itself is not encoded again.

    Args:
        job: of the picture.
        picture: that they are parts of.
        chosen: in the order of the answer.
        most: of a group.

    Attributes:
        group: parts of each group; the last may have fewer.
        left: the numbers of the parts that the encoder has to encode.
    """

    def __init__(self, job: InputJob, picture: Decoded, chosen: Sequence[Detection], most: int) -> None:
        self.job, self.picture, self.chosen = job, picture, chosen
        self.group = math.ceil(len(chosen) / math.ceil(len(chosen) / most))
        self._vectors = vectors_of_processor(chosen)
        self.left = [number for number in range(len(chosen)) if number not in self._vectors]
        self._begun = self._done = 0
        self._lock = threading.Lock()

    def next_numbers(self) -> Sequence[int]:
        """The numbers of a group that nobody encodes yet; none if there is none."""
        with self._lock:
            first, self._begun = self._begun, min(self._begun + self.group, len(self.left))
            return self.left[first : self._begun]

    def keep(self, number: int, vector: Vector) -> int:
        """Keep a vector. How many the encoder has made."""
        with self._lock:
            self._vectors[number] = vector
            self._done += 1
            return self._done

    def finish(self) -> None:
        """End the job with all vectors."""
        parts = [Part(each, self._vectors[number]) for number, each in enumerate(self.chosen)]
        with self.job.spending("crops"):
            found = _found(self.picture, parts)
        self.job.finish(found)


def follow(job: InputJob, model: Model[Item, Out], tasks: Sequence[tuple[Item, Callable[[Out], None]]]) -> None:
    """Have a model work on something of an input, which ends with it.

    Args:
        job: of the input. It fails if the model fails.
        model: whose thread calls what follows, which must be quick.
        tasks: what the model gets, together, and what gets the answer to each.
    """
    parts = [_followed(job, item, then) for item, then in tasks]
    if job.future.done():  # before they were there to be cancelled
        job.cancel_parts()
    model.submit(*parts)


def _followed(job: InputJob, item: Item, then: Callable[[Out], None]) -> Job[Item, Out]:
    part: Job[Item, Out] = Job(job.deadline, item=item, bulk=job.bulk, span=job.span)
    part.future.add_done_callback(_Following(job, part, then).go_on)
    job.under_way.add(part)
    return part


class _Following(Generic[Out]):
    """What comes after a model. A future keeps its callbacks, so this lets go of what it holds: pictures, mostly."""

    def __init__(self, job: InputJob, part: Job[Any, Out], then: Callable[[Out], None]) -> None:
        self._job = job
        self._part: Job[Any, Out] | None = part
        self._then: Callable[[Out], None] | None = then

    def go_on(self, future: Future[Out]) -> None:
        """Of the part, which is done: what is raised here nobody would see."""
        job, part, then = self._job, self._part, self._then
        self._part = self._then = None
        if part is None or then is None:
            return
        part.item = None
        job.under_way.discard(part)
        job.batch_size = max(job.batch_size, part.batch_size)
        for stage, span in part.spans_s.items():
            job.spans_s[stage] = max(span, job.spans_s.get(stage, 0.0))
        if future.cancelled():
            job.is_wanted()  # it is not, and ends
            return
        try:
            then(future.result())
        except VisopError as error:
            job.fail(error)
        except BaseException as error:  # this is the model's thread
            logger.exception("a stage failed on one input")
            job.fail(ModelFailed(f"{type(error).__name__}: {error}"))


def _cut_out(job: InputJob, picture: Decoded, found: Sequence[Detection]) -> Found:
    if picture.crops.omit:
        for each in found:
            picture.spend(each, 0, 0)
        return _found(picture, [Part(each) for each in found])
    return _found(picture, [Part(each, crop=_crop_file(job, picture, each)) for each in found])


def _crop_file(job: InputJob, picture: Decoded, found: Detection) -> bytes | None:
    if not job.is_wanted():
        raise CallerGone("the caller left")
    if isinstance(found, Unplaced):
        file = found.crop
    else:
        file = crop_file(picture.image, found.box, picture.size, picture.crops)
    picture.spend(found, len(file or b""), 0)
    return file


def _found(picture: Decoded, parts: Sequence[Part]) -> Found:
    if not picture.crops.drawn:
        return Found(tuple(parts))
    found = [part.detection for part in parts if not isinstance(part.detection, Unplaced)]
    return Found(tuple(parts), overlay_file(picture.image, found, picture.size, picture.crops.quality))


def _model(operator: Operator, settings: Settings) -> Model[Any, Any]:
    if isinstance(operator, RemoteProcessor | RemoteEncoder):
        return RemoteCalls(operator.remote, operator.read, stall_s=settings.request_timeout_s)
    return Batcher(
        lambda items: operator.infer_checked(operator.batch_of(items)),
        max_batch=min(settings.max_batch or operator.max_batch, operator.max_batch),
        max_wait_s=settings.max_wait_s,
        probe=operator.warm_up,
        stall_s=settings.request_timeout_s,
        canary_s=settings.canary_s,
        kind=operator.type,
    )

"""From the inputs of one call to their results: fetch -> decode -> the steps of the operator. No gRPC, no HTTP.

Each input is a job of its own: a bad one fails alone, and its neighbours never notice. A stage hands the job to the
next one and forgets it; the caller's thread only waits for the results.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from functools import partial

from visop.contract import Image
from visop.detection import Box
from visop.errors import (
    CallerGone,
    DeadlinePassed,
    FetchFailed,
    ImageDecodeError,
    InvalidInput,
    ModelFailed,
    Overloaded,
    ShuttingDown,
    UrlRejected,
    VisopError,
)
from visop.images.base64_text import decode_base64
from visop.images.crops import CropOptions
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process, prepare
from visop.images.fetching.fetch import Fetcher
from visop.images.fetching.web_url import host_of
from visop.images.formats.canvas import BYTES_PER_PIXEL, MOST_BYTES_PER_PIXEL, decoded_bytes
from visop.images.thumbnail import size_of
from visop.machine import usable_cores
from visop.metrics.pictures import count_items
from visop.serving.decoded import Decoded
from visop.serving.fair_pool import Caller, FairPool
from visop.serving.fetch_admission import fetch_pool
from visop.serving.large_pictures import LARGE_BYTES, LargeOfRequest, LargePictures, large_workers
from visop.serving.part_bytes import PartBytes
from visop.serving.part_encoder import AnyOperator
from visop.serving.picture_admission import PictureAdmission, left_s
from visop.serving.steps import InputJob, Result, steps_of
from visop.settings import Settings
from visop.tracing.current import current
from visop.tracing.spans import NONE, Span

logger = logging.getLogger(__name__)

# For a model that hangs: calls in flight had their drain time before.
_CLOSE_TIMEOUT_S = 5.0


def unseen(_: object) -> None:
    """Nothing more is to be known of a picture than its result."""


#: The parts of a picture of (width, height) pixels.
Boxes = Callable[[tuple[int, int]], Sequence[Box]]


@dataclass(frozen=True)
class Input:
    """One picture as a caller gave it.

    Attributes:
        name: what messages call it, in the caller's own words, such as ``datas[3]``.
        value: the bytes of an image file, the same in base64, or, if ``is_url``, where to fetch it.
        look: is given the decoded image, in the thread that decoded it, if more is to be known of it than its result.
        take: is given the file that it was decoded from, before ``look``. What it raises ends the input.
        boxes: says for the size of a picture, (width, height), of which parts of it vectors are wanted, in place of
            what the operator gives otherwise. May raise what ends this input.
    """

    name: str
    value: str | bytes
    is_url: bool = False
    look: Callable[[Image], object] = field(default=unseen, compare=False)
    take: Callable[[bytes], object] = field(default=unseen, compare=False)
    boxes: Boxes | None = field(default=None, compare=False)


class Call:
    """The inputs of one call, being served.

    Attributes:
        inputs: in the order of the results.
        jobs: one for each input.
        gives_parts: whether the result of an input is what was found in it, and not a vector.
        span: that it is a part of; None where nothing is traced.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        jobs: Sequence[InputJob],
        deadline: float,
        *,
        gives_parts: bool = False,
        span: Span | None = None,
    ) -> None:
        self.inputs, self.jobs, self.gives_parts, self._deadline = inputs, jobs, gives_parts, deadline
        self.span = span

    def results(self) -> list[Result | VisopError]:
        """Wait for all: a result or an error per input, in order.

        Raises:
            DeadlinePassed: not all were done in time; what was still waiting is dropped.
            CallerGone: ``cancel`` was called.
        """
        try:
            results = [self._result(job) for job in self.jobs]
        except VisopError as error:  # the error of the call is that of all its inputs
            self._count([error] * len(self.jobs))
            self.cancel()
            raise
        except BaseException:
            self.cancel()
            raise
        self._count(results)
        return results

    def _count(self, results: Sequence[Result | VisopError]) -> None:
        count_items(results, [job.spans_s.copy() for job in self.jobs])

    def _result(self, job: InputJob) -> Result | VisopError:
        try:
            return job.future.result(max(0.0, self._deadline - time.monotonic()))
        except (TimeoutError, DeadlinePassed):
            raise DeadlinePassed(f"not all of {len(self.jobs)} inputs were served before the deadline") from None
        except CancelledError:
            raise CallerGone("the caller left") from None
        except VisopError as error:
            return error

    def cancel(self) -> None:
        """Drop what the model has not taken yet. Safe at any time, from any thread."""
        for job in self.jobs:
            job.future.cancel()

    def spans_s(self) -> dict[str, float]:
        """The longest time that any input spent in each stage, in seconds, and last the time it waited for threads."""
        spans: dict[str, float] = {}
        for job in self.jobs:
            for stage, span in job.spans_s.items():
                spans[stage] = max(span, spans.get(stage, 0.0))
        return spans | ({_WAIT: spans.pop(_WAIT)} if _WAIT in spans else {})


# The stage of what waits for a thread, or for room to be held decoded.
_WAIT = "wait"


@dataclass(frozen=True)
class _Origin:
    """Of which call an input is, what that call wants of it and may have, and who gets what is decoded."""

    caller: Caller
    crops: CropOptions
    large: LargeOfRequest
    part_bytes: PartBytes
    look: Callable[[Image], object] = unseen
    take: Callable[[bytes], object] = unseen
    boxes: Boxes | None = None


class Pipeline:
    """Serves calls with one loaded operator. A context manager; closing it finishes what was started.

    Args:
        operator: loaded.
        settings: limits and numbers of threads.
        one_peer: whether there is only one peer, for whom nothing needs to be left by others.
    """

    def __init__(self, operator: AnyOperator, settings: Settings, *, one_peer: bool = False) -> None:
        self._settings = settings
        self._limits = ImageLimits.of(settings)
        self._closed = False
        prepare()
        self._admission = PictureAdmission(settings)
        self._fetcher = Fetcher.of(settings)
        self._fetch_pool = fetch_pool(settings.fetch_workers, one_peer=one_peer)
        workers = settings.decode_workers or usable_cores()
        # One more, which bulk work leaves alone: a call shares the cores with what was begun, and does not wait for it.
        self._decode_pool = FairPool(workers + 1, "visop-decode", most_bulk=workers)
        self._large_pool = FairPool(workers if one_peer else large_workers(workers), "visop-large")
        self._large = LargePictures.of(settings, one_peer=one_peer)
        self._numbers = itertools.count()
        self._crops = CropOptions(settings.crop_quality, settings.crop_margin)
        self._steps = steps_of(operator, settings)
        # Of pictures that are held decoded: a thread that waits for room there must not keep it from being made.
        self._parts_pool = FairPool(workers, "visop-parts")
        self._held = threading.BoundedSemaphore(workers + self._steps.most_held)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def trouble(self) -> str | None:
        """Why results cannot be had now, or None if they can."""
        if self._closed:
            return "shutting down"
        return self._steps.trouble()

    def hangs(self) -> bool:
        """Whether the operator is in a trouble that nothing but a new process ends."""
        return not self._closed and self._steps.hangs()

    @property
    def inside(self) -> int:
        """Inputs that are being served now."""
        return self._admission.inside

    @property
    def max_items(self) -> int:
        """How many inputs one call may have."""
        return self._settings.max_items

    @property
    def gives_parts(self) -> bool:
        """Whether the result of an input is what was found in it, and not a vector."""
        return self._steps.gives_parts

    def start(
        self,
        inputs: Sequence[Input],
        timeout_s: float | None = None,
        *,
        patient: bool = False,
        bulk: bool = False,
        is_wanted: Callable[[], bool] = lambda: True,
        peer: str = "",
        crops: CropOptions | None = None,
    ) -> Call:
        """Begin to serve one call.

        Args:
            inputs: in the order of the results.
            timeout_s: the caller's remaining time; the server's own limit holds if it is shorter.
            patient: wait until there is room for the inputs, instead of refusing the call.
            bulk: let others go first, for whom somebody waits.
            is_wanted: whether that is still worth waiting for.
            peer: from where the call came, such as an IP address: peers are served in turn.
            crops: how a processor cuts out what it finds; None is as the settings say.

        Raises:
            InvalidInput: too many inputs.
            Overloaded: no room, or no time: what waits already would take longer than the caller does.
            ShuttingDown: the pipeline is closed, or the call is not wanted any more.
        """
        if len(inputs) > self._settings.max_items:
            raise InvalidInput(f"{len(inputs)} inputs in one request, the limit is {self._settings.max_items}")
        if self._closed:
            raise ShuttingDown("the operator is shutting down")
        limit_s = min(self._settings.request_timeout_s, timeout_s if timeout_s is not None else float("inf"))
        deadline = time.monotonic() + limit_s
        if not patient:
            self._check_in_time(limit_s)
        hosts = [host_of(str(each.value)) if each.is_url else None for each in inputs]
        on_end = self._admission.enter(hosts, deadline if patient else 0.0, peer, is_wanted, bulk=bulk)
        span = current()
        jobs = [InputJob(deadline, partial(on_end, host), bulk=bulk, span=span) for host in hosts]
        origin = _Origin(
            Caller(peer, next(self._numbers), bulk),
            crops or self._crops,
            self._large.of_request(peer),
            PartBytes(self._settings.max_message_bytes),
        )
        for each, host, job in zip(inputs, hosts, jobs, strict=True):
            self._begin(replace(origin, look=each.look, take=each.take, boxes=each.boxes), each, host, job)
        if span is not None:
            span.note({"visop.inputs": len(inputs)})
        return Call(inputs, jobs, deadline, gives_parts=self._steps.gives_parts, span=span)

    def _check_in_time(self, limit_s: float) -> None:
        """Refuse at once what could not be served in time: its caller can go elsewhere, and others are served."""
        wait_s = self._steps.wait_s()
        if wait_s > limit_s:
            what = f"what waits for the model takes {wait_s:.1f} s more, and the call has {limit_s:.1f} s"
            raise Overloaded(what, wait_s - limit_s, limit="deadline")

    def end_waits(self) -> None:
        """Refuse the patient calls that wait for room and are not wanted any more."""
        self._admission.end_waits()

    def close(self) -> None:
        """Take nothing new, finish what was started, stop all threads. Idempotent."""
        self._closed = True
        timeout_s = min(_CLOSE_TIMEOUT_S, self._settings.drain_timeout_s)
        if self._steps.gives_parts:  # what one model answers another one gets
            self._admission.wait_empty(timeout_s)
        self._fetch_pool.close(timeout_s)
        self._decode_pool.close(timeout_s)
        self._large_pool.close(timeout_s)
        self._steps.close(timeout_s)
        self._parts_pool.close(timeout_s)
        self._fetcher.close()

    def _begin(self, origin: _Origin, given: Input, host: str | None, job: InputJob) -> None:
        if host is not None:
            fetch = partial(self._fetch, origin, job, str(given.value))
            self._hand_over(self._fetch_pool, origin, fetch, job, host)
        else:
            self._hand_over(self._decode_pool, origin, partial(self._receive, origin, job, given.value), job)

    def _hand_over(
        self, pool: FairPool, origin: _Origin, stage: Callable[[], None], job: InputJob, host: str = ""
    ) -> None:
        try:
            pool.submit(origin.caller, partial(self._run, stage, job, time.monotonic()), host)
        except RuntimeError:  # the pool was shut down meanwhile
            job.fail(ShuttingDown("the operator is shutting down"))

    def _run(self, stage: Callable[[], None], job: InputJob, since: float) -> None:
        """Run a stage that has waited for its thread, so that whatever it raises ends this job and no other."""
        job.spent(_WAIT, since)
        if not job.is_wanted():
            return
        try:
            stage()
        except ModelFailed as error:
            logger.error("the operator failed on one input: %s", error.detail)
            job.fail(error)
        except VisopError as error:
            job.fail(error)
        except BaseException as error:  # this thread serves everybody: the operator's own code may raise anything
            logger.exception("a stage failed on one input")
            job.fail(ModelFailed(f"{type(error).__name__}: {error}"))

    def _fetch(self, origin: _Origin, job: InputJob, url: str) -> None:
        if not self._settings.fetch:
            raise UrlRejected("this operator does not fetch URLs")
        with job.spending("fetch", {"server.address": host_of(url)} if job.span else NONE):
            data = self._fetcher.fetch(url, job.deadline - time.monotonic())
        self._hand_over(self._decode_pool, origin, partial(self._receive, origin, job, data, fetched=True), job)

    def _receive(self, origin: _Origin, job: InputJob, value: str | bytes, *, fetched: bool = False) -> None:
        """Decode a picture, or hand it over to the threads for large ones."""
        data = decode_base64(value, self._limits.max_bytes) if isinstance(value, str) else value
        size = self._decoded_bytes(data, self._side(origin))
        if size <= LARGE_BYTES:
            self._decode(origin, job, data, fetched=fetched)
            return
        job.at_end(origin.large.enter(size))
        self._hand_over(self._large_pool, origin, partial(self._decode, origin, job, data, fetched=fetched), job)

    def _side(self, origin: _Origin) -> int | None:
        """To which a picture is decoded: parts are encoded in the resolution of the file."""
        return None if origin.boxes else self._steps.decode_side

    def _decoded_bytes(self, data: bytes, side: int | None) -> int:
        """What a picture takes decoded; as much as any may take if its header does not say."""
        size = decoded_bytes(data, side)
        if size is None:
            return BYTES_PER_PIXEL * self._limits.max_pixels
        return size if size <= MOST_BYTES_PER_PIXEL * self._limits.max_pixels else 0  # refused before it is decoded

    def _decode(self, origin: _Origin, job: InputJob, data: bytes, *, fetched: bool) -> None:
        if self._steps.gives_parts or origin.boxes:
            self._hold(job)
            if not job.is_wanted():
                return
        side, timeout_s = self._side(origin), self._settings.decode_timeout_s
        with job.spending("decode", {"visop.file.size": len(data)} if job.span else NONE):
            try:
                image = decode_in_process(data, self._limits, side, timeout_s=timeout_s)
            except ImageDecodeError as error:
                if not fetched:
                    raise
                # The URL was fine; what is behind it is not.
                raise FetchFailed(f"the remote server answered, but: {error}") from error
            size = size_of(data) if side and self._steps.gives_parts else (image.shape[1], image.shape[0])
            origin.take(data)
            origin.look(image)
        file = data if self._steps.needs_files else b""
        picture = self._picture(origin, job, image, size, file)
        if origin.boxes:
            self._steps.begin_boxes(job, picture, origin.boxes(size))
        else:
            self._steps.begin(job, picture)

    def _hold(self, job: InputJob) -> None:
        """Wait for room for one more picture that is held decoded until it has its result."""
        with job.spending(_WAIT):
            has_room = self._held.acquire(timeout=left_s(job.deadline))
        if not has_room:
            raise DeadlinePassed("the deadline passed before this input was served")
        job.at_end(self._held.release)

    def _picture(self, origin: _Origin, job: InputJob, image: Image, size: tuple[int, int], file: bytes) -> Decoded:
        peer, bulk = origin.caller.peer, origin.caller.bulk

        def count(parts: int) -> None:
            job.at_end(self._admission.grow(parts - 1, peer, bulk=bulk))

        go_on = partial(self._go_on, origin, job)
        return Decoded(image, size, file, origin.crops, go_on, count, origin.part_bytes.spend)

    def _go_on(self, origin: _Origin, job: InputJob, stage: Callable[[], None]) -> None:
        self._hand_over(self._parts_pool, origin, stage, job)

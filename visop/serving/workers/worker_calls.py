"""The calls of the front process, served with the pipeline of this worker."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial

from visop.contract import Image
from visop.detection import Box
from visop.errors import CallerGone, ModelFailed, VisopError
from visop.serving.picture_admission import left_s
from visop.serving.pipeline import Call, Input, Pipeline
from visop.serving.steps import InputJob, Result
from visop.serving.workers.begun import Begun
from visop.serving.workers.channel import Channel
from visop.serving.workers.messages import Begin, Cancel, Decoded, Done, InputEnd, Seen, Stop, Wanted

logger = logging.getLogger(__name__)

# For calls that wait for room: those of streams, which a worker has seldom to let wait, for the front admitted them.
_WAITING = 8


class WorkerCalls:
    """Reads what the front says, and answers.

    Args:
        channel: to the front process.
        begun: takes note of calls that are begun.
        pipeline: of this worker.
    """

    def __init__(self, channel: Channel, begun: Begun, pipeline: Pipeline) -> None:
        self._channel, self._begun, self._pipeline = channel, begun, pipeline
        self._calls: dict[int, _WorkerCall] = {}
        self._waiting = ThreadPoolExecutor(_WAITING, "visop-waiting")

    def serve(self) -> None:
        """Serve until the front says that it is enough. If it is gone, the process ends here."""
        try:
            while not isinstance(message := self._channel.receive(), Stop):
                self._hear(message)
                del message  # which may be large
        except (EOFError, OSError):
            logging.shutdown()
            os._exit(1)
        self._waiting.shutdown(wait=False)

    def _hear(self, message: Begin | Cancel | Seen) -> None:
        if isinstance(message, Begin):
            new = self._calls[message.call] = _WorkerCall(message, self._channel, self._begun, self._forget)
            if message.patient:
                self._waiting.submit(new.start, message, self._pipeline)
            else:
                new.start(message, self._pipeline)
        elif call := self._calls.get(message.call):
            if isinstance(message, Seen):
                call.seen(message)
            else:
                call.cancel()
                self._pipeline.end_waits()

    def _forget(self, call: int) -> None:
        self._calls.pop(call, None)


class _WorkerCall:
    """One call.

    Args:
        begin: what the front said.
        channel: to it.
        begun: takes note that it is begun.
        forget: called with the number of the call when it is over.
    """

    def __init__(self, begin: Begin, channel: Channel, begun: Begun, forget: Callable[[int], None]) -> None:
        self._number, self._channel, self._begun, self._forget = begin.call, channel, begun, forget
        self._deadline, self._left = begin.deadline, len(begin.inputs)
        self._lock = threading.Lock()
        self._call: Call | None = None
        self._cancelled = False
        self._asked: dict[int, Future[Seen]] = {}

    def start(self, begin: Begin, pipeline: Pipeline) -> None:
        """Begin to serve it."""
        inputs = [self._input(index, wanted) for index, wanted in enumerate(begin.inputs)]
        try:
            call = pipeline.start(
                inputs,
                left_s(self._deadline),
                patient=begin.patient,
                bulk=begin.bulk,
                is_wanted=lambda: not self._cancelled,
                peer=begin.peer,
                crops=begin.crops,
            )
        except VisopError as error:
            self._end(Done(self._number, refusal=error))
            return
        self._call = call
        if self._cancelled:
            call.cancel()
        for job in call.jobs:
            job.future.add_done_callback(partial(self._one_is_done, call.jobs))
        if not call.jobs:
            self._end(Done(self._number))

    def cancel(self) -> None:
        """Drop what the model has not taken yet."""
        self._cancelled = True
        if self._call:
            self._call.cancel()

    def seen(self, message: Seen) -> None:
        """Let an input go on that waits for the front."""
        if asked := self._asked.pop(message.index, None):
            asked.set_result(message)

    def _input(self, index: int, wanted: Wanted) -> Input:
        if not wanted.asks:
            return Input(wanted.name, wanted.value, wanted.is_url, take=self._note)
        shown = _Shown(wanted, partial(self._ask, index))
        return Input(
            wanted.name,
            wanted.value,
            wanted.is_url,
            look=shown.look,
            take=shown.take,
            boxes=shown.boxes if wanted.boxes else None,
        )

    def _note(self, _: bytes) -> None:
        """Mark that a picture is decoded, before the model has it: what it may break is not tried elsewhere."""
        self._begun.mark(self._number)

    def _ask(self, index: int, file: bytes | None, image: Image | None, size: tuple[int, int]) -> Seen:
        """Show the front what is known of an input. Raises what it says of that."""
        self._note(b"")
        answer = self._asked[index] = Future[Seen]()
        self._channel.send(Decoded(self._number, index, size, file, image))
        seen = answer.result(left_s(self._deadline))
        if seen.error is not None:
            raise seen.error
        return seen

    def _one_is_done(self, jobs: Sequence[InputJob], _: Future[object]) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        self._end(Done(self._number, [_end_of(job) for job in jobs]))

    def _end(self, done: Done) -> None:
        self._forget(self._number)
        try:
            self._channel.send(done)
        except OSError:  # the front is gone, which is noticed where it is read from
            pass
        except Exception:  # what cannot be pickled, such as a result of the operator's own type
            logger.exception("a result cannot be sent")
            self._channel.send(Done(self._number, refusal=ModelFailed("a result cannot be sent")))


class _Shown:
    """What the front is shown of an input."""

    def __init__(self, wanted: Wanted, ask: Callable[[bytes | None, Image | None, tuple[int, int]], Seen]) -> None:
        self._wanted, self._ask = wanted, ask
        self._file: bytes | None = None
        self._boxes: Sequence[Box] | None = None

    def take(self, file: bytes) -> None:
        """Keep the file, which is shown with the image."""
        self._file = file if self._wanted.file else None

    def look(self, image: Image) -> None:
        """Show it, and wait for what the front says."""
        size = image.shape[1], image.shape[0]
        file, self._file = self._file, None
        self._boxes = self._ask(file, image if self._wanted.image else None, size).boxes

    def boxes(self, _: tuple[int, int]) -> Sequence[Box]:
        """Which parts the front said."""
        return self._boxes or ()


def _end_of(job: InputJob) -> InputEnd:
    result: Result | VisopError
    try:
        result = job.future.result()
    except CancelledError:
        result = CallerGone("the caller left")
    except VisopError as error:
        result = error.with_traceback(None)
    return InputEnd(result, dict(job.spans_s), job.batch_size)

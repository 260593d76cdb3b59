"""A call that a worker serves, as the front process sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from visop.errors import VisopError
from visop.serving.pipeline import Call, Input, unseen
from visop.serving.steps import InputJob, Result
from visop.serving.workers.messages import Begin, Decoded, Done, Seen, Wanted


class WorkerCall(Call):
    """The inputs of one call, in a worker.

    Args:
        begin: what a worker is told.
        inputs: of the call.
        jobs: one for each.
        gives_parts: as of ``Call``.
        on_cancel: called with the number of the call when nobody waits for it any more.

    Attributes:
        number: of the call.
        begin: what a worker is told; None once it is over.
        tries: how many workers had it.
    """

    def __init__(
        self,
        begin: Begin,
        inputs: Sequence[Input],
        jobs: Sequence[InputJob],
        *,
        gives_parts: bool,
        on_cancel: Callable[[int], None],
    ) -> None:
        super().__init__(inputs, jobs, begin.deadline, gives_parts=gives_parts)
        self.number, self.tries = begin.call, 0
        self.begin: Begin | None = begin
        self._on_cancel = on_cancel
        self._failure: VisopError | None = None

    def cancel(self) -> None:
        """Drop what the model has not taken yet. Safe at any time, from any thread."""
        super().cancel()
        self._on_cancel(self.number)

    def done(self, message: Done) -> None:
        """Take over what became of the inputs."""
        self.begin = None
        if message.refusal is not None:
            self.fail(message.refusal)
            return
        for job, end in zip(self.jobs, message.ends, strict=True):
            job.spans_s.update(end.spans_s)
            job.batch_size = end.batch_size
            if isinstance(end.result, VisopError):
                job.fail(end.result)
            else:
                job.finish(end.result)

    def fail(self, error: VisopError) -> None:
        """End the call as a whole with an error."""
        self._failure = error
        for job in self.jobs:
            job.fail(error)

    def see(self, message: Decoded) -> Seen:
        """Show an input to those who wait to see it, and say how it goes on."""
        given = self.inputs[message.index]
        try:
            if message.file is not None:
                given.take(message.file)
            if message.image is not None:
                given.look(message.image)
            boxes = given.boxes(message.size) if given.boxes else None
        except VisopError as error:
            return Seen(message.call, message.index, error=error)
        return Seen(message.call, message.index, boxes)

    def _result(self, job: InputJob) -> Result | VisopError:
        result = super()._result(job)
        if self._failure is not None:
            raise self._failure
        return result


def wanted_of(given: Input) -> Wanted:
    """What a worker is told of an input."""
    file, image = given.take is not unseen, given.look is not unseen
    return Wanted(given.name, given.value, given.is_url, file=file, image=image, boxes=given.boxes is not None)

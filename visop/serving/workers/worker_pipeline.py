"""Stands where the ``Pipeline`` of a process with a model does: admits calls, and has workers serve them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial

from visop.errors import InvalidInput, ShuttingDown, Unreachable
from visop.images.crops import CropOptions
from visop.images.fetching.web_url import host_of
from visop.serving.picture_admission import PictureAdmission
from visop.serving.pipeline import Input
from visop.serving.steps import InputJob
from visop.serving.workers.messages import Begin
from visop.serving.workers.worker_call import WorkerCall, wanted_of
from visop.serving.workers.workers import Workers
from visop.settings import Settings


class WorkerPipeline:
    """Serves calls with workers. The workers are closed by whoever started them.

    Args:
        workers: at least one of them ready.
        settings: limits, over all workers.
    """

    def __init__(self, workers: Workers, settings: Settings) -> None:
        self._workers, self._settings = workers, settings
        self._admission = PictureAdmission(settings)
        self._numbers = itertools.count()
        self._closed = False

    def trouble(self) -> str | None:
        """Why results cannot be had now, or None if they can."""
        return "shutting down" if self._closed else self._workers.dispatch.trouble()

    @property
    def ready(self) -> str:
        """How many workers take calls, such as ``3 of 4``."""
        return f"{self._workers.dispatch.ready} of {self._workers.count}"

    def hangs(self) -> bool:
        """Never: a worker whose model hangs ends itself, and is replaced."""
        return False

    @property
    def inside(self) -> int:
        """Inputs that are being served now."""
        return self._admission.inside

    @property
    def max_items(self) -> int:
        """How many inputs one call may have."""
        return self._settings.max_items

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
    ) -> WorkerCall:
        """Begin to serve one call. Arguments and errors as of ``Pipeline.start``.

        Raises:
            Unreachable: no worker can serve it now.
        """
        if len(inputs) > self.max_items:
            raise InvalidInput(f"{len(inputs)} inputs in one request, the limit is {self.max_items}")
        if self._closed:
            raise ShuttingDown("the operator is shutting down")
        limit_s = min(self._settings.request_timeout_s, timeout_s if timeout_s is not None else float("inf"))
        deadline = time.monotonic() + limit_s
        hosts = [host_of(str(each.value)) if each.is_url else None for each in inputs]
        on_end = self._admission.enter(hosts, deadline if patient else 0.0, peer, is_wanted, bulk=bulk)
        jobs = [InputJob(deadline, partial(on_end, host), bulk=bulk) for host in hosts]
        wanted = [wanted_of(each) for each in inputs]
        begin = Begin(next(self._numbers), wanted, deadline, patient, peer, crops, bulk)
        gives_parts, cancel = self._workers.served.gives_parts, self._workers.dispatch.cancel
        call = WorkerCall(begin, inputs, jobs, gives_parts=gives_parts, on_cancel=cancel)
        try:
            self._workers.dispatch.begin(call)
        except Unreachable as error:
            call.fail(error)
            raise
        return call

    def end_waits(self) -> None:
        """Refuse the patient calls that wait for room and are not wanted any more."""
        self._admission.end_waits()

    def close(self) -> None:
        """Take nothing new. Idempotent."""
        self._closed = True

"""What calls are served with: a pipeline of this process, or the workers of it that have pipelines of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from visop.images.crops import CropOptions
from visop.serving.pipeline import Call, Input


class AnyPipeline(Protocol):
    """See ``visop.serving.pipeline.Pipeline``."""

    @property
    def inside(self) -> int:
        """Inputs that are being served now."""

    @property
    def max_items(self) -> int:
        """How many inputs one call may have."""

    def trouble(self) -> str | None:
        """Why results cannot be had now, or None if they can."""

    def hangs(self) -> bool:
        """Whether the operator is in a trouble that nothing but a new process ends."""

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
        """Begin to serve one call."""

    def end_waits(self) -> None:
        """Refuse the patient calls that wait for room and are not wanted any more."""

    def close(self) -> None:
        """Take nothing new and finish what was started. Idempotent."""


@runtime_checkable
class HasWorkers(Protocol):
    """See ``visop.serving.workers.worker_pipeline.WorkerPipeline``."""

    @property
    def ready(self) -> str:
        """How many workers take calls, such as ``3 of 4``."""

"""The operator that the settings mean, in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from visop.serving.part_encoder import AnyOperator
from visop.serving.workers.plan import WorkerShare
from visop.serving.workers.served import operator_of
from visop.serving.workers.worker_pipeline import WorkerPipeline
from visop.serving.workers.workers import Workers
from visop.settings import Settings


@contextmanager
def open_workers(
    shares: Sequence[WorkerShare],
    settings: Settings,
    *,
    one_peer: bool = False,
    check: Callable[[AnyOperator], object] = lambda _: None,
) -> Iterator[tuple[AnyOperator, WorkerPipeline]]:
    """What stands for the operator here, and the pipeline that has workers serve calls, at least one of them ready.

    Arguments and errors as of ``open_pipeline``. ``check`` is called once a worker has loaded the operator.
    """
    with Workers(shares, settings, one_peer=one_peer) as workers:
        operator = operator_of(workers.served)
        check(operator)
        pipeline = WorkerPipeline(workers, settings)
        yield operator, pipeline
        pipeline.close()

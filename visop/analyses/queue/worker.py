"""A worker of Celery: a process that talks to the broker, and a pool of processes that work."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from billiard import current_process
from celery import Celery, signals
from celery.exceptions import SecurityWarning
from celery.worker.consumer import Consumer

from visop.analyses.database import Database
from visop.analyses.queue.celery_app import TASK, make_app, shown
from visop.analyses.queue.celery_bell import CeleryBell
from visop.analyses.queue.process import Stopping, WorkerProcess, choose_device, end_with_parent
from visop.analyses.queue.upkeep import Upkeep
from visop.analyses.queue.work import Work

logger = logging.getLogger("visop.analyses.queue")

_RECONNECT_S = 1.0


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker is.

    Attributes:
        broker: its URL.
        queue: its name.
        database: its address.
        open_work: makes what a process needs, in that process; gets whether it is ending.
        processes: how many work side by side.
        time_limit_s: after which a process is killed that is still at the same task.
    """

    broker: str
    queue: str
    database: str
    open_work: Callable[[Stopping], Work]
    processes: int = 1
    time_limit_s: float = 660.0


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Asks for a broker that is away every second, and says so once."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection when it is there."""
        told: list[object] = []

        def tell(error: Exception, _: float) -> None:
            if not told:
                logger.error("the broker %s cannot be reached; trying again until it can", shown(conn.as_uri()))
                told.append(error)

        conn = conn.ensure_connection(
            tell, None, interval_start=_RECONNECT_S, interval_step=0, interval_max=_RECONNECT_S,
            callback=_end_if_wanted,
        )  # fmt: skip
        self.first_connection_attempt = False
        if told:
            logger.info("the broker is there again")
        return conn


def run_worker(options: WorkerOptions) -> int:
    """Work until SIGTERM or Ctrl-C; the exit status.

    On the first signal what is being worked on is finished; the second ends it at once.
    """
    stopping = Stopping()
    app = make_app(options.broker, queue=options.queue, time_limit_s=options.time_limit_s)
    process = WorkerProcess(lambda: options.open_work(stopping), stopping)
    _add_task(app, process)
    upkeep = Upkeep(Database(options.database), CeleryBell(options.broker, options.queue))
    keep = _connect_signals(upkeep, stopping, process)
    _quiet()
    worker = app.Worker(
        concurrency=options.processes, quiet=True, loglevel="CRITICAL", pool_cls="prefork", optimization="fair",
        without_gossip=True, without_mingle=True, consumer_cls=PatientConsumer, no_color=True,
        hostname=None, queues=[options.queue],
    )  # fmt: skip
    try:
        worker.start()
    finally:
        stopping.set()
        upkeep.close()
        del keep
    return int(worker.exitcode or 0)


def _add_task(app: Celery, process: WorkerProcess) -> None:
    def work() -> None:
        process.run()

    app.task(work, name=TASK, ignore_result=True)


def _connect_signals(upkeep: Upkeep, stopping: Stopping, process: WorkerProcess) -> tuple[object, ...]:
    """Connect to Celery's signals, which hold what they call only as long as somebody else does."""

    def started(**_: object) -> None:
        end_with_parent()
        choose_device(current_process().index)

    def ready(**_: object) -> None:
        logger.info("the worker is ready")
        upkeep.start()

    def ending(**_: object) -> None:
        logger.info("finishing what was begun")
        stopping.set()

    def ended(**_: object) -> None:
        process.close()

    signals.worker_process_init.connect(started)
    signals.worker_process_shutdown.connect(ended)
    signals.worker_ready.connect(ready)
    signals.worker_shutting_down.connect(ending)
    return started, ended, ready, ending


def _quiet() -> None:
    """What Celery says is in its own words, and much; what matters is said here."""
    # Of what pickled messages could do to a process of root: these are JSON, and have nothing in them.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    for name in ("celery", "kombu", "amqp", "billiard", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    def leave_logging(**_: object) -> None:
        """A receiver of this signal keeps Celery from setting up logging."""

    global _leave_logging  # noqa: PLW0603 - held as long as the process
    _leave_logging = leave_logging
    signals.setup_logging.connect(leave_logging)


_leave_logging: object = None


def _end_if_wanted() -> None:
    from celery.worker.state import maybe_shutdown

    maybe_shutdown()

"""The service of stored analyses: its database, pictures and operators behind HTTP, without gRPC."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI

from visop.access.reach import check_reach
from visop.analyses.context import Context
from visop.analyses.database_health import DatabaseHealth
from visop.analyses.depth import queue_depth
from visop.analyses.jobs import Jobs
from visop.analyses.no_model import NoModel
from visop.analyses.opening import OperatorChoice, open_context
from visop.analyses.original_names import SIMILAR, Original
from visop.analyses.queue.bell import Bell, InProcessBell
from visop.analyses.queue.in_process import InProcessWorkers
from visop.analyses.queue.upkeep import Upkeep
from visop.analyses.queue.work import Work
from visop.analyses.reading_sources import SourceReader
from visop.analyses.records import Records
from visop.analyses.retention import Retention
from visop.analyses.routes.analyses import Analyses, analyses_router
from visop.analyses.routes.jobs import JobService, jobs_router
from visop.analyses.routes.operators import operators_router
from visop.analyses.routes.originals import add_originals
from visop.analyses.routes.originals.kept_analyses import KeptAnalyses
from visop.analyses.routes.page import add_page
from visop.analyses.routes.picture_files import picture_router
from visop.analyses.submitting import Submitting
from visop.analyses.webhooks import Webhooks
from visop.errors import UsageError, VisopError
from visop.http.endpoint import Endpoint
from visop.http.server import HttpServer
from visop.metrics.analyses import watched_analyses
from visop.serving.admission import CallAdmission
from visop.serving.bytes_in_flight import most_bytes_in_flight
from visop.serving.drain import drain
from visop.serving.lifecycle import catch_stop_signals, leave_behind
from visop.serving.logs import configure_logging, log_event
from visop.serving.open_files import raise_max_open_files
from visop.settings import Effective, Settings
from visop.tracing.opening import open_tracing

logger = logging.getLogger("visop.analyses")


@dataclass(frozen=True)
class ServiceOptions:
    """What the service is made of, beside the settings.

    Attributes:
        database: as ``Database`` takes it.
        pictures_at: where pictures are kept; empty for beside a database that is a file.
        operators: that this process calls; none for the shipped encoder.
        broker: that tells workers of new work; empty if this process does it alone.
        queue: of the broker, where several services share one.
        workers: threads of this process that do the work of the queue.
        folders: folders and addresses below which jobs may read.
        keep: how long records are kept after their end; None for ever.
        webhook_secret: signs the calls of webhooks; empty signs none.
        originals: which interfaces of the originals are served, too; see ``add_originals``.
        similar: from which cosine on ``predict`` calls two pictures similar.
    """

    database: str
    pictures_at: str = ""
    operators: Sequence[OperatorChoice] = ()
    broker: str = ""
    queue: str = "visop"
    workers: int = 2
    folders: Sequence[str] = ()
    keep: timedelta | None = None
    webhook_secret: str = ""
    originals: Collection[Original] = ()
    similar: float = SIMILAR


class Service:
    """What the routes stand on.

    Args:
        context: opened.
        options: of the service.
        ring: tells workers that something is queued.
    """

    def __init__(self, context: Context, options: ServiceOptions, ring: Callable[[], None] = lambda: None) -> None:
        self.context, self.options = context, options
        self.health = DatabaseHealth(context.database)
        self.records = Records(context.database, context.pictures)
        self.submitting = Submitting(context, self.records, ring, has_workers=bool(options.broker))
        self.jobs = JobService(
            context,
            Jobs(context.database, context.pictures),
            self.records,
            SourceReader(context, options.folders),
            ring,
            has_workers=bool(options.broker),
        )

    def add_routes(self, app: FastAPI, endpoint: Endpoint) -> None:
        """Add all routes of the service; an ``Extend`` of ``visop.http``."""
        app.title, app.description = "visop analyses", _ABOUT
        add_page(app)
        analyses = Analyses(self.context, self.records, self.submitting)
        app.include_router(analyses_router(analyses, endpoint))
        app.include_router(picture_router(self.records, self.context.pictures, endpoint))
        app.include_router(jobs_router(self.jobs, endpoint))
        app.include_router(operators_router(self.context.operators, endpoint))
        kept = KeptAnalyses(self.context, self.records, self.submitting)
        add_originals(app, endpoint, kept, self.options.originals, self.options.similar)


_ABOUT = """\
Pictures come in, operators analyse them, and the results are records that can be listed, read, made anew and deleted.
Every error is a problem (RFC 9457) whose `code` and `detail` are those of gRPC.
"""


@contextmanager
def open_service(options: ServiceOptions, settings: Settings) -> Iterator[Service]:
    """Open the database, the pictures and the operators, and begin the work that goes on in the background.

    Raises:
        UsageError: something cannot be used as it was named.
        DatabaseUnavailable: the database does not answer.
        ModelFailed: an operator of this process cannot be loaded.
    """
    with ExitStack() as stack:
        context = stack.enter_context(open_context(options.database, options.pictures_at, options.operators, settings))
        bell = stack.enter_context(_working(context, options))
        service = Service(context, options, bell.ring)
        stack.enter_context(service.health)
        stack.enter_context(watched_analyses(lambda: queue_depth(context.database)))
        stack.enter_context(Retention(context.database, context.pictures, options.keep))
        yield service


@contextmanager
def _working(context: Context, options: ServiceOptions) -> Iterator[Bell]:
    """Work in threads of this process, or by workers that a broker tells of it; what rings for them."""
    if options.broker:
        from visop.analyses.queue.celery_bell import CeleryBell

        bell: Bell = CeleryBell(options.broker, options.queue)
    else:
        bell = InProcessBell()
    work = Work(context, bell, SourceReader(context, options.folders))
    threads = InProcessWorkers(work, bell, options.workers) if isinstance(bell, InProcessBell) else None
    upkeep = Upkeep(context.database, bell, Webhooks(context, options.webhook_secret).send_due)
    upkeep.start()
    if threads:
        threads.start()
    try:
        yield bell
    finally:
        upkeep.close()
        if threads:
            threads.close()
        bell.close()


def serve_analyses(
    effective: Effective, options: ServiceOptions, on_ready: Callable[[str], object] = lambda _: None
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. The first signal drains, a second one exits at once.

    Args:
        effective: the settings, with the address of HTTP.
        options: of the service.
        on_ready: called with HOST:PORT once the port is open.

    Raises:
        UsageError: a setting is wrong.
    """
    settings, before, started = effective.settings, set(threading.enumerate()), time.monotonic()
    check_reach(settings)
    configure_logging(settings.log_level, settings.log_format)
    raise_max_open_files()
    try:
        with open_tracing("visop-analyses", is_global=True), open_service(options, settings) as service:
            stop = catch_stop_signals()
            with http_of(service, settings) as address:
                fields = {"http": address, "database": service.context.database.address}
                fields |= {"operators": ",".join(service.context.operators)}
                log_event(logger, logging.INFO, "serving", fields | {"start_s": round(time.monotonic() - started, 2)})
                on_ready(address)
                os.read(stop, 1)
                logger.info("draining, for at most %g s", settings.drain_timeout_s)
    except UsageError:
        raise
    except VisopError as error:
        logger.error("the service did not start: %s", getattr(error, "detail", error))
        return 1
    logger.info("stopped")
    leave_behind(before)
    return 0


@contextmanager
def http_of(service: Service, settings: Settings) -> Iterator[str]:
    """Serve over HTTP in the block, and finish what was accepted at its end; HOST:PORT of the port that is open."""
    calls = CallAdmission(settings.max_calls, most_bytes_in_flight(settings))
    server = HttpServer(NoModel(service.health.trouble), calls, None, settings, service.add_routes)
    server.start()
    try:
        yield server.address
    finally:
        server.drain()
        drain(calls, lambda: None, lambda: None, settings.drain_timeout_s)
        server.stop()

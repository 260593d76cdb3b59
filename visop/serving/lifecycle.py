"""Start, serve, stop, in that order: load -> warm up -> open the ports -> wait for a signal -> drain -> close."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType

from visop.access.reach import check_reach
from visop.errors import UsageError, VisopError
from visop.machine import memory_limit
from visop.metrics.own_port import MetricsServer
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.bytes_in_flight import most_bytes_in_flight
from visop.serving.large_pictures import most_large_bytes
from visop.serving.logs import configure_logging, log_event
from visop.serving.open_files import raise_max_open_files
from visop.serving.opening import open_here
from visop.serving.part_encoder import AnyOperator
from visop.serving.server import MakeCompanion, Server
from visop.serving.watchdog import watched
from visop.serving.workers.machine_facts import MachineFacts
from visop.serving.workers.plan import WorkerShare, plan_workers, settings_of_front
from visop.settings import Effective, Settings
from visop.tracing.opening import open_tracing

logger = logging.getLogger("visop")

_LEAVE_S = 1.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


#: Entered with the warm operator before any port opens; left after the last call and before the operator closes.
OpenCompanions = Callable[[AnyOperator, AnyPipeline], AbstractContextManager[Sequence[MakeCompanion]]]


def grpc_alone(_operator: AnyOperator, _pipeline: AnyPipeline) -> AbstractContextManager[Sequence[MakeCompanion]]:
    """No companions."""
    return nullcontext(())


def serve(
    effective: Effective,
    open_companions: OpenCompanions = grpc_alone,
    on_ready: Callable[[Mapping[str, str]], object] = lambda _: None,
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. The first signal drains, a second one exits at once.

    Args:
        effective: the settings.
        open_companions: opens what the servers beside gRPC need, such as an index, and yields what makes them.
        on_ready: called once the ports are open, with HOST:PORT of every companion by the name of its protocol.

    Raises:
        UsageError: a setting is wrong, which shows when the operator is loaded or the ports are opened.
    """
    settings = settings_of_front(effective.settings, len(shares_of(effective.settings)))
    check_reach(settings)
    before = set(threading.enumerate())
    configure_logging(settings.log_level, settings.log_format)
    raise_max_open_files()
    say_limits(settings)
    started = time.monotonic()
    try:
        with open_tracing("visop", is_global=True), open_pipeline(settings) as (operator, pipeline):
            stop = catch_stop_signals()
            with (
                watched(pipeline.hangs, settings.hang_exit_s),
                open_companions(operator, pipeline) as companions,
                Server(operator, pipeline, settings, [*companions, *_metrics(settings)]) as server,
            ):
                fields = {"listening": server.address, "operator": operator.name, "dimension": operator.dimension}
                fields |= {"advertised": server.advertised} if server.advertised != server.address else {}
                fields |= server.companion_addresses
                fields |= {"workers": settings.workers} if settings.workers != "1" else {}
                fields |= {"fingerprint": operator.fingerprint, "start_s": round(time.monotonic() - started, 2)}
                log_event(logger, logging.INFO, "serving", fields)
                on_ready(server.companion_addresses)
                os.read(stop, 1)
                logger.info("draining, for at most %g s", settings.drain_timeout_s)
    except UsageError:
        raise  # whoever read the settings knows where each came from
    except VisopError as error:
        logger.error("the operator did not start: %s", getattr(error, "detail", error))
        return 1
    logger.info("stopped")
    leave_behind(before)
    return 0


def say_limits(settings: Settings) -> None:
    """Log what follows from the memory of the container or the machine."""
    fields = {"bytes_in_flight": most_bytes_in_flight(settings), "large_bytes": most_large_bytes(settings)}
    log_event(logger, logging.INFO, "limits", {"memory": memory_limit() or "unknown", **fields})


def _metrics(settings: Settings) -> list[MakeCompanion]:
    """The server that ``OP_METRICS_ENDPOINT`` asks for."""
    return [lambda *_: MetricsServer(settings)] if settings.metrics_endpoint else []


def leave_behind(before: set[threading.Thread]) -> None:
    """End the process here if a thread hangs in something that does not answer: Python would wait for it."""
    ends = time.monotonic() + _LEAVE_S
    ours = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in ours:
        thread.join(max(0.0, ends - time.monotonic()))
    if left := sorted(thread.name for thread in ours if thread.is_alive()):
        logger.warning("not waited for: %s", ", ".join(left))
        logging.shutdown()
        os._exit(0)


@contextmanager
def open_pipeline(
    settings: Settings, *, one_peer: bool = False, check: Callable[[AnyOperator], object] = lambda _: None
) -> Iterator[tuple[AnyOperator, AnyPipeline]]:
    """The configured operator, loaded and warm, and the pipeline that feeds it: in this process, or in workers of it.

    Args:
        settings: of both.
        one_peer: as for ``Pipeline``.
        check: raises if the operator is not of the kind that is wanted; called before it is loaded in this process.

    Raises:
        SettingsError: the operator cannot be found, or its weights or device are missing.
        ModelFailed: it cannot be loaded, or failed its warm-up.
    """
    if not (shares := shares_of(settings)):
        with open_here(settings, one_peer=one_peer, check=check) as here:
            yield here
        return
    from visop.serving.workers.opening import open_workers  # most machines have none

    with open_workers(shares, settings, one_peer=one_peer, check=check) as there:
        yield there


def shares_of(settings: Settings) -> Sequence[WorkerShare]:
    """What each worker has of this machine; none, if this process is to serve alone."""
    return plan_workers(settings, MachineFacts.of_this_machine()) if os.name == "posix" else ()


def catch_stop_signals() -> int:
    """A pipe from which the first SIGTERM or SIGINT can be read; from then on a second one ends the process."""
    # The kernel may hand a signal to any thread, and Python runs its handlers in the main one only, when that wakes up.
    # So whichever thread it is writes to this pipe, and the main thread waits for that.
    receive, send = os.pipe()
    os.set_blocking(send, False)  # as set_wakeup_fd demands
    signal.set_wakeup_fd(send)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for each in _STOP_SIGNALS:
            signal.signal(each, lambda again, _: os._exit(128 + again))

    for each in _STOP_SIGNALS:
        signal.signal(each, on_signal)
    return receive

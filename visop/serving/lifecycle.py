"""Start, serve, stop, in that order: load -> warm up -> open the ports -> wait for a signal -> drain -> close."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from visop import address
from visop.contract import Encoder
from visop.errors import SettingsError, UsageError, VisopError
from visop.rpc import rpc_pb2_grpc
from visop.serving.admission import CallAdmission
from visop.serving.convert import identity_json, identity_of
from visop.serving.logs import configure_logging, log_event
from visop.serving.operators import load_operator
from visop.serving.pipeline import Pipeline
from visop.serving.servicer import SERVICE_NAME, OperatorServicer
from visop.settings import Effective, Settings

_log = logging.getLogger("visop")

# Threads beyond those that Execute may hold, so that health and identity answer at any load.
_SPARE_THREADS = 16
_HEALTH_INTERVAL_S = 0.5
_DRAIN_CHECK_S = 0.02
_REFUSAL_S = 0.2
_LEAVE_S = 1.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Companion(Protocol):
    """A server beside the gRPC one, on the same pipeline. It binds its port when it is made.

    Attributes:
        name: of its protocol, for the log.
        address: HOST:PORT, with the port that was bound.
    """

    name: str
    address: str

    def start(self) -> None:
        """Take requests."""

    def stop(self) -> None:
        """Send the last answers and close. Called once no call is in flight. Idempotent."""


#: Makes a companion of: the pipeline, what admits calls over every protocol, Identity in JSON, the settings.
MakeCompanion = Callable[[Pipeline, CallAdmission, Mapping[str, Any], Settings], Companion]

#: Entered with the warm operator before any port opens; left after the last call and before the operator closes.
OpenCompanions = Callable[[Encoder, Pipeline], AbstractContextManager[Sequence[MakeCompanion]]]


def grpc_alone(_operator: Encoder, _pipeline: Pipeline) -> AbstractContextManager[Sequence[MakeCompanion]]:
    """No companions."""
    return nullcontext(())


def serve(effective: Effective, open_companions: OpenCompanions = grpc_alone) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. The first signal drains, a second one exits at once.

    Args:
        effective: the settings.
        open_companions: the servers that run beside gRPC, such as HTTP, with what they need to live in.
    """
    settings = effective.settings
    before = set(threading.enumerate())
    configure_logging(settings.log_level, settings.log_format)
    started = time.monotonic()
    try:
        with open_pipeline(settings) as (operator, pipeline):
            stop = _catch_stop_signals()
            with (
                open_companions(operator, pipeline) as companions,
                Server(operator, pipeline, settings, companions) as server,
            ):
                fields = {"listening": server.address, "operator": operator.name, "dimension": operator.dimension}
                fields |= {"advertised": server.advertised} if server.advertised != server.address else {}
                fields |= server.companion_addresses
                fields |= {"fingerprint": operator.fingerprint, "start_s": round(time.monotonic() - started, 2)}
                log_event(_log, logging.INFO, "serving", fields)
                os.read(stop, 1)
                _log.info("draining, for at most %g s", settings.drain_timeout_s)
    except UsageError as err:
        _log.error("%s", err)
        return 2
    except VisopError as err:
        _log.error("the operator did not start: %s", getattr(err, "detail", err))
        return 1
    _log.info("stopped")
    _leave_behind(before)
    return 0


def _leave_behind(before: set[threading.Thread]) -> None:
    """End the process here if threads of ours hang in what does not answer: Python would wait for them."""
    ends = time.monotonic() + _LEAVE_S
    ours = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in ours:
        thread.join(max(0.0, ends - time.monotonic()))
    if left := sorted(thread.name for thread in ours if thread.is_alive()):
        _log.warning("not waited for: %s", ", ".join(left))
        logging.shutdown()
        os._exit(0)


@contextmanager
def open_pipeline(settings: Settings) -> Iterator[tuple[Encoder, Pipeline]]:
    """The configured operator, loaded and warm, and the pipeline that feeds it.

    Raises:
        SettingsError: the operator cannot be found, or its weights or device are missing.
        ModelFailed: it failed its warm-up.
    """
    operator = load_operator(settings)
    operator.load()
    try:
        operator.warm_up()
        with Pipeline(operator, settings) as pipeline:
            yield operator, pipeline
    finally:
        operator.close()


class Server:
    """The gRPC server of a pipeline, and its companions. Entering opens the ports; leaving drains and closes them.

    Attributes:
        address: HOST:PORT that gRPC listens on.
        advertised: HOST:PORT in Identity, for others to call.
        companion_addresses: HOST:PORT of every companion, by the name of its protocol.
    """

    def __init__(
        self, operator: Encoder, pipeline: Pipeline, settings: Settings, companions: Sequence[MakeCompanion] = ()
    ) -> None:
        self._pipeline, self._settings = pipeline, settings
        self._calls = CallAdmission(settings.max_calls)
        threads = settings.max_calls + _SPARE_THREADS
        self._pool = ThreadPoolExecutor(threads, "visop-grpc")
        # What does not find a thread is refused by gRPC itself instead of waiting in a queue that nobody sees.
        self._grpc = grpc.server(self._pool, options=_options(settings), maximum_concurrent_rpcs=threads)
        self.port = self._bind()
        self.address = address.join(settings.host, self.port)
        self.advertised = settings.advertised(self.port)
        identity = identity_of(operator.info(), self.advertised, settings)
        self._servicer = OperatorServicer(pipeline, self._calls, identity, settings)
        rpc_pb2_grpc.add_OperatorServicer_to_server(self._servicer, self._grpc)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._grpc)
        self._companions = [make(pipeline, self._calls, identity_json(identity), settings) for make in companions]
        self.companion_addresses = {companion.name: companion.address for companion in self._companions}
        self._published: bool | None = None
        self._stopping = threading.Event()
        self._monitor = threading.Thread(target=self._watch_health, name="visop-health", daemon=True)

    def __enter__(self) -> Server:
        self._publish_health()
        self._grpc.start()
        for companion in self._companions:
            companion.start()
        self._monitor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Say not serving, take no new calls, finish those in flight, within the drain time. Idempotent.

        Whoever watches health holds a call open for ever; only Execute and streams are waited for.
        """
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._calls.close()
        self._servicer.end_streams()
        ends = time.monotonic() + self._settings.drain_timeout_s
        while self._calls.accepted and time.monotonic() < ends:
            time.sleep(_DRAIN_CHECK_S)
        # Closing the port cuts off what gRPC has received and not handed over yet: give callers who come at once again
        # the time to be told to go elsewhere.
        time.sleep(_REFUSAL_S)
        stopped = self._grpc.stop(_REFUSAL_S)
        for companion in self._companions:
            companion.stop()
        stopped.wait()
        self._monitor.join()
        # Not waited for: a handler that a hanging model still holds is released when the pipeline closes.
        self._pool.shutdown(wait=False)

    def _bind(self) -> int:
        wanted = address.join(self._settings.host, self._settings.port)
        try:
            port = self._grpc.add_insecure_port(wanted)
        except RuntimeError:
            port = 0
        if not port:
            raise SettingsError("", "", f"cannot listen on {wanted}: in use, or not allowed")
        return port

    def _watch_health(self) -> None:
        while not self._stopping.wait(_HEALTH_INTERVAL_S):
            self._publish_health()

    def _publish_health(self) -> None:
        well = self._pipeline.trouble() is None
        if well == self._published:
            return  # setting it again would wake every Watch
        self._published = well
        status = health_pb2.HealthCheckResponse.SERVING if well else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", SERVICE_NAME):
            self._health.set(name, status)


def _options(settings: Settings) -> list[tuple[str, int]]:
    """https://grpc.github.io/grpc/core/group__grpc__arg__keys.html."""
    options = [
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.keepalive_time_ms", int(settings.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Clients may ping as often as we do, also between calls; else gRPC hangs up with "too many pings".
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        # Two servers that share a port by accident would each get half of the calls.
        ("grpc.so_reuseport", 0),
    ]
    if settings.max_connection_age_s:
        options.append(("grpc.max_connection_age_ms", int(settings.max_connection_age_s * 1000)))
        options.append(("grpc.max_connection_age_grace_ms", int(settings.max_connection_age_grace_s * 1000)))
    return options


def _catch_stop_signals() -> int:
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

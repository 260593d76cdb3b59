"""The gRPC server of one pipeline, and the servers of other protocols beside it. They open, drain and close as one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from visop import address
from visop.access.tokens import Tokens
from visop.contract import Processor
from visop.errors import SettingsError
from visop.metrics.grpc_calls import CountCalls, types_of
from visop.metrics.server import forget_server, watch_server
from visop.rpc import fxwatcher_pb2, fxwatcher_pb2_grpc, rpc_pb2, rpc_pb2_grpc
from visop.serving.admission import CallAdmission
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.arrivals import LOOKAHEAD_BYTES, Arrivals
from visop.serving.authenticate import Authenticate
from visop.serving.bytes_in_flight import most_bytes_in_flight
from visop.serving.call_threads import CallThreads
from visop.serving.certificates import Certificates
from visop.serving.connections import close_port
from visop.serving.convert import identity_json, identity_of
from visop.serving.drain import drain
from visop.serving.fx_watcher import WATCHER_NAME, FxWatcherServicer
from visop.serving.idle_connections import IdleConnections
from visop.serving.malformed import RefuseMalformed
from visop.serving.messages import CHECK_S, Messages
from visop.serving.part_encoder import AnyOperator
from visop.serving.receiving import Receive
from visop.serving.servicer import SERVICE_NAME, OperatorServicer
from visop.settings import Settings

# Streams of one connection (RFC 9113, 5.1.2, advises 100 at least). Further calls wait in its client.
_STREAMS = 100
# A connection without calls is closed after so long; its client opens another one when it calls again.
_IDLE_S = 300
# Streams end by themselves, with what they read answered, before this part of the grace of their connection is over,
# whenever that began.
_STREAM_AGE = 0.9
# Threads beyond those that Execute may hold, for calls that are refused, or whose message is on its way.
_SPARE_THREADS = 64
# Threads of all that is no work, so that health and identity answer at any load.
_LIGHT_THREADS = 64
# Streams of reflection hold theirs for as long as they like.
_REFLECTION_THREADS = 4
_WORK = (f"/{SERVICE_NAME}/Execute", f"/{SERVICE_NAME}/ExecuteStream", f"/{WATCHER_NAME}/Call")
_HEALTH_INTERVAL_S = 0.5
_DESCRIBED = (rpc_pb2, fxwatcher_pb2, health_pb2, reflection_pb2)
# For calls that gRPC still holds when all connections have ended.
_STOP_S = 0.2


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

    def make_room(self) -> None:
        """End answers that nobody reads, if others need the bytes in flight that they hold. Does not wait for it."""

    def drain(self) -> None:
        """Take no new connections, and end each with the answer to the request in hand. Does not wait for those."""

    def stop(self) -> None:
        """Send the last answers and close. Called once no call is in flight. Idempotent."""


#: Makes a companion of: the pipeline, what admits calls over every protocol, Identity in JSON, the settings.
MakeCompanion = Callable[[AnyPipeline, CallAdmission, Mapping[str, Any], Settings], Companion]


class Server:
    """The gRPC server of a pipeline, and its companions. Entering opens the ports; leaving drains and closes them.

    Attributes:
        address: HOST:PORT that gRPC listens on.
        advertised: HOST:PORT in Identity, for others to call.
        companion_addresses: HOST:PORT of every companion, by the name of its protocol.
    """

    def __init__(
        self, operator: AnyOperator, pipeline: AnyPipeline, settings: Settings, companions: Sequence[MakeCompanion] = ()
    ) -> None:
        self._pipeline, self._settings = pipeline, settings
        self._calls = CallAdmission(settings.max_calls, most_bytes_in_flight(settings))
        timeout_s = settings.request_timeout_s
        self._work = CallThreads(settings.max_calls + _SPARE_THREADS, "visop-grpc", timeout_s)
        self._light = CallThreads(_LIGHT_THREADS, "visop-light", timeout_s)
        self._reflection = CallThreads(_REFLECTION_THREADS, "visop-reflection", timeout_s)
        arrivals = Arrivals(lambda: self.port, settings.max_message_bytes)
        self._messages = Messages(self._calls.in_flight, arrivals, timeout_s, settings.max_message_bytes)
        self._idle = IdleConnections(lambda: self.port)
        self._receive = Receive(self._messages, self._threads_of, _WORK, self._idle)
        interceptors = [CountCalls(types_of(_DESCRIBED)), *_authenticate(settings), self._receive, RefuseMalformed()]
        self._grpc = grpc.server(self._work.pool, [], interceptors, options=_options(settings))
        self._certificates = Certificates.of(settings)
        self.port = self._bind()
        self.address = address.join(settings.host, self.port)
        self.advertised = settings.advertised(self.port)
        self._info = operator.info()
        identity = identity_of(self._info, self.advertised, settings)
        self._servicer = OperatorServicer(pipeline, self._calls, identity, settings)
        rpc_pb2_grpc.add_OperatorServicer_to_server(self._servicer, self._grpc)
        self._services = [SERVICE_NAME]
        if isinstance(operator, Processor):
            watcher = FxWatcherServicer(pipeline, self._calls, operator.labels)
            fxwatcher_pb2_grpc.add_FxWatcherServicer_to_server(watcher, self._grpc)
            self._services.append(WATCHER_NAME)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        names = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._grpc, pool=_described())
        self._companions = [make(pipeline, self._calls, identity_json(identity), settings) for make in companions]
        self.companion_addresses = {companion.name: companion.address for companion in self._companions}
        self._published: bool | None = None
        self._stop_lock, self._stopping, self._stopped = threading.Lock(), threading.Event(), threading.Event()
        self._checks = threading.Thread(target=self._check_messages, name="visop-messages", daemon=True)
        self._monitor = threading.Thread(target=self._watch_health, name="visop-health", daemon=True)

    def __enter__(self) -> Server:
        self._publish_health()
        self._show()
        self._grpc.start()
        for companion in self._companions:
            companion.start()
        self._monitor.start()
        self._checks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Report not serving, drain, and close the ports. Idempotent."""
        with self._stop_lock:
            if not self._stopping.is_set():
                self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._calls.leave_soon()
        time.sleep(self._settings.lame_duck_s)
        for companion in self._companions:
            companion.drain()
        timeout_s = self._settings.drain_timeout_s
        drain(self._calls, self._servicer.end_streams, lambda: self._grpc.stop(timeout_s), timeout_s)
        close_port(self.port)
        stopped = self._grpc.stop(_STOP_S)
        for companion in self._companions:
            companion.stop()
        stopped.wait()
        self._stopped.set()
        for thread in (self._monitor, self._checks):
            thread.join()
        # Not waited for: a handler that a hanging model still holds is released when the pipeline closes.
        for threads in (self._work, self._light, self._reflection):
            threads.pool.shutdown(wait=False)
        self._receive.close()
        forget_server()

    def _show(self) -> None:
        """Let the metrics say what is served."""
        now = {
            "calls": lambda: self._calls.accepted,
            "items": lambda: self._pipeline.inside,
            "bytes": lambda: self._calls.in_flight.in_hand,
            "healthy": lambda: self._pipeline.trouble() is None and not self._calls.leaving,
        }
        limits = {
            "calls": self._settings.max_calls,
            "items": self._settings.max_queue,
            "bytes": self._calls.in_flight.capacity,
        }
        watch_server(self._info, now, limits)

    def _threads_of(self, method: str) -> CallThreads:
        if method in _WORK:
            return self._work
        return self._reflection if method.startswith(f"/{reflection.SERVICE_NAME}/") else self._light

    def _bind(self) -> int:
        wanted = address.join(self._settings.host, self._settings.port)
        try:
            if self._certificates is None:
                port = self._grpc.add_insecure_port(wanted)
            else:
                port = self._grpc.add_secure_port(wanted, self._certificates.of_grpc())
        except RuntimeError:
            port = 0
        if not port:
            raise SettingsError("", "", f"cannot listen on {wanted}: in use, or not allowed")
        return port

    def _watch_health(self) -> None:
        while not self._stopping.wait(_HEALTH_INTERVAL_S):
            self._publish_health()
            for threads in (self._work, self._light, self._reflection):
                threads.end_late()
            if self._settings.max_connection_age_s:
                self._servicer.end_old_streams(_STREAM_AGE * self._settings.max_connection_age_grace_s)

    def _check_messages(self) -> None:
        while not self._stopped.wait(CHECK_S):
            for companion in self._companions:
                companion.make_room()
            self._messages.check()
            self._idle.check()

    def _publish_health(self) -> None:
        well = self._pipeline.trouble() is None
        if well == self._published:
            return  # setting it again would wake every Watch
        self._published = well
        status = health_pb2.HealthCheckResponse.SERVING if well else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._services):
            self._health.set(name, status)


def _authenticate(settings: Settings) -> list[Authenticate]:
    tokens = Tokens.of(settings)
    return [Authenticate(tokens)] if tokens else []


def _described() -> DescriptorPool:
    """Everything that reflection describes. The messages of visop are in a pool of their own."""
    pool = DescriptorPool()
    for module in _DESCRIBED:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    return pool


def _options(settings: Settings) -> list[tuple[str, int]]:
    """https://grpc.github.io/grpc/core/group__grpc__arg__keys.html."""
    options = [
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_concurrent_streams", _STREAMS),
        ("grpc.per_message_decompression", 0),  # ``visop.serving.compressed`` does it
        # So much of a message comes before its call asks for it, whatever the connection could carry.
        ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_connection_idle_ms", _IDLE_S * 1000),
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

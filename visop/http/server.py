"""uvicorn in a thread of its own, beside gRPC."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import socket  # noqa: TID251 - it listens; nothing goes out
import ssl
import threading
from collections.abc import Mapping
from typing import Any

import uvicorn

from visop.address import resolved
from visop.errors import SettingsError
from visop.http.app import build_app
from visop.http.endpoint import Endpoint, Extend, TakesInputs
from visop.http.open_files import connections_within
from visop.http.timeouts import DEFAULT_TIMEOUTS, TimedProtocol, Timeouts
from visop.http.unread import UnreadAnswers
from visop.serving.admission import CallAdmission
from visop.serving.certificates import Certificates
from visop.settings import Settings

# For requests that were received when the connections closed, to reach the endpoint, which counts them.
_BEGIN_S = 0.05
# An event loop that does not come round in this time is not waited for.
_LOOP_S = 2.0


class HttpServer:
    """The companion of the gRPC server (``visop.serving.server``) that speaks HTTP: binds when it is made.

    Args:
        pipeline: makes the vectors.
        calls: admits calls, those over gRPC and over HTTP together.
        identity: what ``/v1/identity`` answers; None if no operator is served.
        settings: the address, limits and hosts.
        extend: adds an interface, such as search.
        timeouts: of connections.

    Attributes:
        address: HOST:PORT, with the port that was bound.

    Raises:
        SettingsError: it cannot listen there.
    """

    name = "http"

    def __init__(
        self,
        pipeline: TakesInputs,
        calls: CallAdmission,
        identity: Mapping[str, Any] | None,
        settings: Settings,
        extend: Extend | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self._endpoint = Endpoint(pipeline, calls, settings)
        timeouts = dataclasses.replace(timeouts, max_connections=connections_within(timeouts.max_connections))
        self._socket = _listen(settings)
        bound, port = self._socket.getsockname()[:2]
        self.address = f"{settings.http_endpoint.rpartition(':')[0]}:{port}"
        app = build_app(self._endpoint, identity, settings, bound, extend, timeouts)
        config = _config(app, timeouts, self._endpoint.answers, Certificates.of(settings))
        self._server = _Server(config, self._endpoint, timeouts.stop_s)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="visop-http-loop")

    def start(self) -> None:
        """Take requests."""
        self._thread.start()

    def make_room(self) -> None:
        """End answers that nobody reads, if others need what they hold."""
        self._endpoint.answers.give_way_soon()

    def drain(self) -> None:
        """Take no new connections, and end each with the answer to the request in hand. Does not wait for those."""
        self._endpoint.end_connections()  # before uvicorn closes any of them, after which an answer could follow
        self._server.should_exit = True
        if self._thread.is_alive():
            self._server.takes_no_more.wait(_LOOP_S)

    def stop(self) -> None:
        """Take no new connections, send the last answers, close. Idempotent."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._server.is_over.set()
            self._thread.join()
        self._socket.close()
        self._endpoint.close()


class _Server(uvicorn.Server):
    """Waits for the requests in hand until ``is_over``, and then answers those that are left; uvicorn cuts them off."""

    def __init__(self, config: uvicorn.Config, endpoint: Endpoint, stop_s: float) -> None:
        super().__init__(config)
        self._endpoint, self._stop_s = endpoint, stop_s
        self.takes_no_more, self.is_over = threading.Event(), threading.Event()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn, in its event loop, once it is to take no new connections."""
        ending = asyncio.create_task(self._end_requests())
        await super().shutdown(sockets)
        ending.cancel()

    async def _end_requests(self) -> None:
        await asyncio.sleep(_BEGIN_S)
        self.takes_no_more.set()
        await asyncio.to_thread(self.is_over.wait)
        self._endpoint.give_up()
        await asyncio.sleep(self._stop_s)
        self.force_exit = True


def _config(
    app: object, timeouts: Timeouts, answers: UnreadAnswers, certificates: Certificates | None
) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # FastAPI's own types are wider
        http=functools.partial(TimedProtocol, timeouts=timeouts, answers=answers),  # type: ignore[arg-type]  # as a call
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        # The address in the log is the one that connected, whatever a header says.
        proxy_headers=False,
        timeout_keep_alive=timeouts.keep_alive_s,
        ssl_context_factory=(lambda *_: _renewed(certificates)) if certificates else None,
    )


def _renewed(certificates: Certificates) -> ssl.SSLContext:
    """A context that takes the certificate of each handshake from the files as they are then."""
    context = certificates.context()

    def renew(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = certificates.context()

    context.sni_callback = renew
    return context


def _listen(settings: Settings) -> socket.socket:
    try:
        host = resolved(settings.http_host)[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, settings.http_port), family=family, backlog=1024)
    except OSError:
        why = "cannot listen there: in use, or not allowed"
        raise SettingsError("http_endpoint", settings.http_endpoint, why) from None
    # asyncio does it only for sockets that say they are TCP, which this one's connections do not. Without, an answer
    # that is written in two parts waits 40 ms for the client's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener

"""Metrics on a port of their own, for servers that speak gRPC alone, or whose HTTP is for everybody."""

from __future__ import annotations

import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from visop import address
from visop.errors import SettingsError
from visop.metrics.registry import REGISTRY
from visop.settings import Settings


class MetricsServer:
    """A companion of the gRPC server (``visop.serving.server``) that answers every path with the metrics.

    Args:
        settings: the address.

    Attributes:
        address: HOST:PORT, with the port that was bound.

    Raises:
        SettingsError: it cannot listen there.
    """

    name = "metrics"

    def __init__(self, settings: Settings) -> None:
        host, port = address.split(settings.metrics_endpoint)
        try:
            host_address = address.resolved(host)[0]
            server = _Server6 if ":" in host_address else _Server
            self._server = make_server(host_address, port or 0, make_wsgi_app(REGISTRY), server, _Handler)
        except OSError:
            why = "cannot listen there: in use, or not allowed"
            raise SettingsError("metrics_endpoint", settings.metrics_endpoint, why) from None
        self.address = address.join(host, self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="visop-metrics", daemon=True)

    def start(self) -> None:
        """Take requests."""
        self._thread.start()

    def make_room(self) -> None:
        """Nothing here is counted as held."""

    def drain(self) -> None:
        """Go on: what happens while the server stops is worth knowing."""

    def stop(self) -> None:
        """Close. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = 10  # AF_INET6; only those that open connections import the module socket


class _Handler(WSGIRequestHandler):
    timeout = 10.0  # seconds, for who connects and asks nothing

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Log nothing: somebody asks every few seconds."""

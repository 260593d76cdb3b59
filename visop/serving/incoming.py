"""One gRPC call as the server sees it, beside what its handler does: it can be ended from any thread."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote

import grpc

from visop.serving.logs import log_event
from visop.serving.peers import peer_of_grpc

logger = logging.getLogger("visop.request")


class IncomingCall:
    """A call, from its headers to the end of its answer.

    Args:
        context: of its handler.

    Attributes:
        connection: what gRPC calls the peer, such as ``ipv4:10.0.0.7:50123`` or ``ipv6:[::1]:50123``.
        peer: from where it came, for sharing out.
        is_over: whether it was ended, or its caller left.
        is_idle: whether nothing that it sent is without an answer.
    """

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.context: Any = context
        self.connection: str = unquote(context.peer())
        self.peer = peer_of_grpc(self.connection)
        self.is_over, self.is_idle = False, True

    def end(self, why: str) -> None:
        """End it with UNAVAILABLE, which clients try again, and wake up its handler if that waits for a message."""
        self.is_over = True
        log_event(logger, logging.INFO, "ended a call", {"peer": self.connection, "why": why})
        # What ``context.cancel`` does, but for the status: it has CANCELLED, which no client tries again. Nothing that
        # is public ends a call from another thread than that of its handler with any other. A later version of grpcio
        # may have other names for what is not public.
        try:
            self.context._rpc_event.call.cancel(grpc.StatusCode.UNAVAILABLE.value[0], why)
        except (AttributeError, TypeError):
            self.context.cancel()

"""HTTP/1.1 connections that end: uvicorn waits for ever for the rest of a request, and for an answer to be read."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# How long a client may take for the head of a request, to read the rest of an answer without any progress, and to stop
# sending a body that was refused.
_HEAD_S = 10.0
_STALL_S = 30.0
_LINGER_S = 5.0

# More are turned away. Each costs a few kilobytes and a file descriptor, of which a process often has 1024.
_MAX_CONNECTIONS = 512


class TimedProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Count it, and wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > _MAX_CONNECTIONS:
            transport.abort()
        else:
            self._time_head()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a head, stop it with the last."""
        super().data_received(data)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        for clock in (self._head, self._stall):
            if clock:
                clock.cancel()

    def pause_writing(self) -> None:
        """Wait until the client has read more: of a long answer, before there is an end of it."""
        super().pause_writing()
        self._time_progress()

    def resume_writing(self) -> None:
        """It has."""
        super().resume_writing()
        self._time_progress()

    def on_response_complete(self) -> None:
        """See to it that the client reads the answer, and stops sending."""
        super().on_response_complete()
        self._time_progress()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(_LINGER_S, self._end_linger, self.cycle)

    def _time_head(self) -> None:
        waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if waiting and not self._head:
            self._head = self.loop.call_later(_HEAD_S, self.transport.close)
        elif not waiting and self._head:
            self._head.cancel()
            self._head = None

    def _time_progress(self) -> None:
        """Start the clock anew, if there is anything to be read."""
        if self._stall:
            self._stall.cancel()
        unread = self.transport.get_write_buffer_size()
        self._stall = self.loop.call_later(_STALL_S, self._check_progress, unread) if unread else None

    def _check_progress(self, before: int) -> None:
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._time_progress()

    def _end_linger(self, cycle: object) -> None:
        if cycle is self.cycle and self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

"""Connections that end: uvicorn itself waits for ever for the rest of a request, and for an answer to be read.

``TimedProtocol`` builds on a private class of uvicorn, whose minor version is therefore pinned in a range.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from visop.http.framing import StrictConnection
from visop.http.room import least_needed
from visop.http.unread import UnreadAnswers
from visop.serving.peers import peer_of

#: Of the head of a request.
MAX_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True)
class Timeouts:
    """How long a client may take, in seconds, and how many may be connected.

    Attributes:
        head_s: to send the head of a request.
        silence_s: between two parts of a body.
        linger_s: to stop sending a body that was refused.
        stall_s: to read some of the rest of an answer, as much as ``slowest_bytes_s`` makes in this time.
        read_s: to read an answer, once all of it is written.
        keep_alive_s: between two requests on one connection.
        stop_s: to read the last answers when the server stops; their calls have ended before.
        slowest_bytes_s: a body must come, and an answer be read, at this rate, in bytes per second; a body once
            ``silence_s`` have passed.
        max_connections: for one more, one that waits is closed. Each costs a few kilobytes and a file descriptor.
    """

    head_s: float = 10.0
    silence_s: float = 10.0
    linger_s: float = 5.0
    stall_s: float = 30.0
    read_s: float = 600.0
    keep_alive_s: int = 15
    stop_s: int = 2
    slowest_bytes_s: float = 500.0
    max_connections: int = 512


DEFAULT_TIMEOUTS = Timeouts()


class TimedProtocol(H11Protocol):
    """One connection. The arguments that are not named here are uvicorn's own.

    Args:
        timeouts: how long its client may take.
        answers: counts what the client has not read.
    """

    def __init__(self, *args: Any, timeouts: Timeouts, answers: UnreadAnswers, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = StrictConnection(h11.SERVER, MAX_HEAD_BYTES)
        self._timeouts, self._answers, self.peer, self.since = timeouts, answers, "", 0.0
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Wait for a request, if need be in the place of another connection that does."""
        super().connection_made(transport)
        self.peer, self.since = peer_of(self.client[0]) if self.client else "", self.loop.time()
        if len(self.connections) > self._timeouts.max_connections:
            others = cast("set[TimedProtocol]", self.connections) - {self}
            (least_needed(others) or self)._give_up_place()
        self._time_head()

    @property
    def is_new(self) -> bool:
        """Whether it has sent no whole head of a request yet."""
        return self.cycle is None

    @property
    def is_waiting(self) -> bool:
        """Whether the server does nothing for it."""
        return self.is_new or self.cycle.response_complete

    @property
    def is_stalled(self) -> bool:
        """Whether it does not read its answer."""
        return self._stall is not None

    @property
    def unread(self) -> int:
        """How many bytes of answers wait for the client to read them."""
        return self.transport.get_write_buffer_size()

    def hang_up(self) -> None:
        """End it, and drop what was not read."""
        self.transport.abort()

    def handle_events(self) -> None:
        """Begin with the next request once the answer before it is read, so that answers do not pile up."""
        if self.flow.write_paused and self.is_waiting:
            self.flow.pause_reading()
        else:
            super().handle_events()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a head, stop it with the last."""
        super().data_received(data)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop its clocks."""
        super().connection_lost(exc)
        self._answers.note(self)
        for clock in (self._head, self._stall):
            if clock:
                clock.cancel()

    def pause_writing(self) -> None:
        """The client reads too slowly to take more of a long answer; watch that it reads at all."""
        super().pause_writing()
        self._time_progress()

    def resume_writing(self) -> None:
        """The client has read enough; go on watching what is left, and take its next request."""
        super().resume_writing()
        self._time_progress()
        if self.is_waiting and not self.transport.is_closing():
            self.flow.resume_reading()
            self.handle_events()
            self._time_head()

    def on_response_complete(self) -> None:
        """Watch that the client reads the answer, and stops sending a body that was refused."""
        self.since = self.loop.time()
        super().on_response_complete()
        self._time_progress()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(self._timeouts.linger_s, self._end_linger, self.cycle)

    def send_400_response(self, msg: str) -> None:
        """Say that it was not HTTP; after the begin of an answer, which uvicorn does not expect, hang up."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _give_up_place(self) -> None:
        self.connections.discard(self)  # now; uvicorn does it when the loop comes round
        self.transport.abort()

    def _time_head(self) -> None:
        waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if waiting and not self._head:
            self._head = self.loop.call_later(self._timeouts.head_s, self.transport.close)
        elif not waiting and self._head:
            self._head.cancel()
            self._head = None

    def _time_progress(self) -> None:
        """Start the clock anew, if there is anything to be read."""
        if self._stall:
            self._stall.cancel()
        self._answers.note(self)
        unread = self.unread
        self._stall = self.loop.call_later(self._timeouts.stall_s, self._check_progress, unread) if unread else None

    def _check_progress(self, before: int) -> None:
        """Hang up on a client that reads next to nothing, or has read at one answer for long."""
        least = max(1, int(self._timeouts.stall_s * self._timeouts.slowest_bytes_s))
        is_late = self.is_waiting and self.loop.time() - self.since > self._timeouts.read_s
        if is_late or self.unread > max(0, before - least):
            self.transport.abort()
        else:
            self._time_progress()

    def _end_linger(self, cycle: object) -> None:
        if cycle is self.cycle and self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

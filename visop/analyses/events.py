"""Server-sent events: records and jobs, each time that they change. One thread looks for all who listen."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from visop.errors import Overloaded, VisopError
from visop.http.body import to_json

logger = logging.getLogger("visop.analyses")

_LOOK_S = 0.5
# Each holds a connection, and the server has 512 of them for everybody.
_MOST_LISTENERS = 256
# Proxies close what is silent for longer.
_COMMENT_S = 15.0
_ENDS = ("done", "failed", "cancelled")


@dataclass(eq=False)
class _Listener:
    """Somebody who waits for changes of one thing."""

    kind: str
    read: Callable[[], dict[str, Any]]
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    last: bytes = b""


class Events:
    """Tells listeners of changes.

    Args:
        closing: whether the service is ending, which ends all streams.
        look_s: how often the database is asked, in seconds.
        most: how many may listen.
    """

    def __init__(self, closing: Callable[[], bool], look_s: float = _LOOK_S, most: int = _MOST_LISTENERS) -> None:
        self._closing, self._look_s, self._most = closing, look_s, most
        self._lock, self._listeners = threading.Lock(), set[_Listener]()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Raise Overloaded if as many listen as may: the others would find no connection free."""
        with self._lock:
            count = len(self._listeners)
        if count >= self._most:
            raise Overloaded(f"{count} follow events now, which is the limit; ask for what it is now and then", 5.0)

    async def stream(self, kind: str, read: Callable[[], dict[str, Any]]) -> AsyncGenerator[bytes, None]:
        """The events of one record or job: the first at once, the last with its end.

        Args:
            kind: the name of the events.
            read: what the record or job is now; blocks.
        """
        listener = _Listener(kind, read, asyncio.get_running_loop())
        self._add(listener)
        try:
            while not self._closing():
                try:
                    event = await asyncio.wait_for(listener.queue.get(), _COMMENT_S)
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    return
                yield event
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _add(self, listener: _Listener) -> None:
        with self._lock:
            self._listeners.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="visop-events", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                listeners = list(self._listeners)
                if not listeners:
                    self._thread = None
                    return
            for listener in listeners:
                self._look(listener)
            pause.wait(self._look_s)

    def _look(self, listener: _Listener) -> None:
        if self._closing():
            return self._tell(listener, None)
        try:
            value = listener.read()
        except VisopError as error:
            logger.info("events of a %s end: %s", listener.kind, error)
            return self._tell(listener, None)
        except Exception:  # the thread is that of all who listen
            logger.exception("events of a %s end", listener.kind)
            return self._tell(listener, None)
        event = f"event: {listener.kind}\ndata: ".encode() + to_json(value) + b"\n\n"
        if event != listener.last:
            listener.last = event
            self._tell(listener, event)
        if value["state"] in _ENDS:
            self._tell(listener, None)
        return None

    def _tell(self, listener: _Listener, event: bytes | None) -> None:
        if event is None:
            with self._lock:
                self._listeners.discard(listener)
        if not listener.loop.is_closed():
            listener.loop.call_soon_threadsafe(listener.queue.put_nowait, event)

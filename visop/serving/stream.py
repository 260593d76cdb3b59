"""The calls of one stream: several under way, answered in order, read no faster than they are answered."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from visop.errors import StreamIdle, VisopError

Request = TypeVar("Request")
Started = TypeVar("Started")


class _End:
    """The sender is done, or failed with ``error``."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Window(Generic[Request, Started]):
    """Starts up to ``size`` requests ahead of the answers. A context manager.

    A thread of its own reads the requests, so that an answer never waits for a request that is not sent yet. It stops
    reading while ``size`` answers are outstanding; gRPC flow control then holds the sender back.

    Args:
        requests: blocks until the sender sends; ends or raises when it is done.
        start: begins to serve one request, without waiting for its result.
        size: requests under way.
        idle_s: a sender that sends nothing for so long while nothing is under way is refused.
    """

    def __init__(
        self, requests: Iterable[Request], start: Callable[[Request], Started], *, size: int, idle_s: float
    ) -> None:
        self._requests, self._start, self._idle_s = requests, start, idle_s
        self._room = threading.Semaphore(size)
        self._started: queue.SimpleQueue[Started | _End] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._starting = False
        self._end: _End | None = None
        self._thread = threading.Thread(target=self._read, name="visop-stream", daemon=True)

    def __enter__(self) -> Window[Request, Started]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = _End(None)
        self._room.release()

    @property
    def is_open(self) -> bool:
        """Whether what is read now will be answered."""
        return self._end is None

    def end(self, error: VisopError) -> None:
        """Answer what was read until now, then raise ``error``; nothing that is read later is started. Never waits."""
        with self._lock:
            self._end = _End(error)
            if not self._starting:
                self._started.put(self._end)

    def __iter__(self) -> Iterator[Started]:
        """What ``start`` returned, in order; whoever iterates waits for its result before asking for the next.

        Raises:
            StreamIdle: the sender was idle for too long.
            Exception: what ``requests`` or ``start`` raised, after the answers to everything before it.
        """
        while True:
            try:
                entry = self._started.get(timeout=self._idle_s)
            except queue.Empty:
                raise StreamIdle(f"nothing was sent for {self._idle_s:g} s; send the rest again") from None
            if isinstance(entry, _End):
                if entry.error is not None:
                    raise entry.error
                return
            yield entry
            self._room.release()

    def _read(self) -> None:
        try:
            for request in self._requests:
                self._room.acquire()
                with self._lock:
                    if self._end:
                        return
                    self._starting = True
                started = self._start(request)  # may wait for room
                with self._lock:
                    self._starting = False
                    self._started.put(started)
                    if self._end:
                        self._started.put(self._end)
        except BaseException as error:  # noqa: BLE001 - it is raised where the answers are waited for
            self._started.put(_End(error))
        else:
            self._started.put(_End(None))

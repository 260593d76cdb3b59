"""How many bytes came over each gRPC connection that belong to messages which are not complete yet.

gRPC does not say. The kernel counts what it received on each connection, of which is taken off what was given to calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from visop.serving.connections import connections_at, received_bytes
from visop.serving.incoming import IncomingCall

# What a message takes on the wire beside itself: frames of headers, of data and of flow control.
_HEAD_BYTES, _FRAMED = 128, 1024
# A gRPC server receives so much of a message before its call asks for it.
LOOKAHEAD_BYTES = 512 * 1024
# What is counted as told above is off by some bytes a call, so it begins anew after so many.
_CALLS = 64
# For that, the files of connections are looked for no more often than this, in seconds.
_FIND_S = 0.25
# Connections that are over are forgotten once there are so many more.
_MORE = 1024


@dataclass
class _Connection:
    """One connection.

    Attributes:
        receiving: calls that wait for a message, the longest first.
        began: what the kernel had received on it when no call waited.
        given: bytes that calls were given since then.
        calls: that were given something since then.
        file: its number among the open files, if known.
    """

    peer: str
    receiving: list[IncomingCall] = field(default_factory=list)
    began: int = 0
    given: int = 0
    calls: int = 0
    file: int | None = None


@dataclass
class Incomplete:
    """The incomplete messages of one connection.

    Attributes:
        peer: from where it comes.
        size: bytes of all together.
        calls: that wait for them, the longest first.
    """

    peer: str
    size: int
    calls: tuple[IncomingCall, ...]

    def oldest(self, size: int) -> tuple[IncomingCall, ...]:
        """So many of the calls that theirs are about ``size`` bytes, the longest first."""
        return self.calls[: -(-len(self.calls) * min(size, self.size) // max(self.size, 1))]


class Arrivals:
    """Counts bytes of incomplete messages, by connection.

    Args:
        port: of the gRPC server.
        largest: bytes of a message.
    """

    def __init__(self, port: Callable[[], int], largest: int) -> None:
        self._port, self._largest = port, largest + LOOKAHEAD_BYTES
        self._lock = threading.Lock()
        self._connections: dict[str, _Connection] = {}
        self._most, self._found_at = _MORE, 0.0

    @property
    def most(self) -> int:
        """The most that there can be, without a look at the connections."""
        with self._lock:
            return self._largest * sum(len(each.receiving) for each in self._connections.values())

    def begin(self, call: IncomingCall) -> None:
        """Take note that a call waits for a message."""
        with self._lock:
            if (connection := self._connections.get(call.connection)) is None:
                if len(self._connections) > self._most:
                    self._find_files()
                connection = self._connections[call.connection] = _Connection(call.peer)
            connection.receiving.append(call)
            if connection.calls >= _CALLS and len(connection.receiving) == 1:
                self._begin_anew(call.connection, connection)

    def end(self, call: IncomingCall, size: int | None) -> None:
        """Take note that a call has its message, of so many bytes, or that none will come."""
        with self._lock:
            connection = self._connections[call.connection]
            connection.receiving.remove(call)
            connection.given += (size or 0) + (size or 0) // _FRAMED + _HEAD_BYTES
            # What came of a message that will not be complete is no longer held.
            connection.calls += _CALLS if size is None else 1

    def measured(self) -> list[Incomplete]:
        """What is not complete, of each connection on which calls wait."""
        with self._lock:
            waited = {name: each for name, each in self._connections.items() if each.receiving}
            if any(each.file is None for each in waited.values()) or len(self._connections) > self._most:
                self._find_files()
            return [
                Incomplete(each.peer, self._size(name, each), tuple(each.receiving)) for name, each in waited.items()
            ]

    def _begin_anew(self, name: str, connection: _Connection) -> None:
        if connection.file is None:
            if time.monotonic() < self._found_at + _FIND_S:
                return  # looking for files takes a millisecond for every hundred
            self._find_files()
        received = received_bytes(connection.file, name)
        if received is None:  # another file has the number now, or the system does not say
            connection.file, connection.calls = None, 0
        else:
            connection.began, connection.given, connection.calls = received, 0, 0

    def _size(self, name: str, connection: _Connection) -> int:
        received = received_bytes(connection.file, name)
        if received is None:
            connection.file = None
            return 0
        most = self._largest * len(connection.receiving)
        return max(0, min(most, received - connection.began - connection.given))

    def _find_files(self) -> None:
        """Find out which file is which connection, and forget the connections that are over."""
        files, self._found_at = connections_at(self._port()), time.monotonic()
        for name, each in list(self._connections.items()):
            each.file = files.get(name)
            if each.file is None and not each.receiving:
                del self._connections[name]
        self._most = len(self._connections) + _MORE

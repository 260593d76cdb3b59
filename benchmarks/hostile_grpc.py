"""Attacks on gRPC with calls that never come to an end, and on its connections."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress

import grpc

from benchmarks.hostile_http import Attack, idle_connections

_EXECUTE = "/omnisearch.Operator/Execute"
_STREAM = "/omnisearch.Operator/ExecuteStream"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_MIB = 1 << 20


def calls_without_messages(address: str, stop: threading.Event) -> None:
    """144 calls on one connection that send headers and nothing else."""
    _streams(address, stop, _EXECUTE, 144, every_s=None)


def reflection_without_messages(address: str, stop: threading.Event) -> None:
    """144 streams of a service beside the operator that send nothing."""
    _streams(address, stop, _REFLECTION, 144, every_s=None)


def streams_of_tiny_messages(address: str, stop: threading.Event) -> None:
    """128 streams that send an empty request every two seconds."""
    _streams(address, stop, _STREAM, 128, every_s=2.0)


def stalled_messages(address: str, stop: threading.Event) -> None:
    """Ten messages of 95 MiB, on a connection each, of which the last byte never comes."""
    with ExitStack() as stack:
        senders = [threading.Thread(target=_stalled, args=(address, stop), daemon=True) for _ in range(10)]
        for sender in senders:
            sender.start()
            stack.callback(sender.join, 5)
        stop.wait()


def idle_grpc_connections(address: str, stop: threading.Event) -> None:
    """1,100 connections that say nothing, of a server that has 1,024 file descriptors."""
    idle_connections(address, stop, 1100)


#: Every attack, by its name.
ATTACKS: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        calls_without_messages,
        reflection_without_messages,
        streams_of_tiny_messages,
        stalled_messages,
        idle_grpc_connections,
    )
}


def _streams(address: str, stop: threading.Event, method: str, count: int, every_s: float | None) -> None:
    """Keep so many streams open, which send an empty message every so often, or never; those that end are replaced."""

    def messages() -> Iterator[bytes]:
        while not stop.wait(every_s):
            yield b""

    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        opened: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        calls = [opened(messages()) for _ in range(count)]
        while not stop.wait(0.2):
            calls = [call if call.is_active() else opened(messages()) for call in calls]
        for call in calls:
            call.cancel()


def _stalled(address: str, stop: threading.Event) -> None:
    while not stop.wait(0.2):
        with suppress(OSError), Http2(address) as connection:
            connection.begin(_EXECUTE)
            connection.send(b"\0" + struct.pack(">L", 95 * _MIB), stop)
            for _ in range(94):
                connection.send(bytes(_MIB), stop)
            connection.send(bytes(_MIB - 1), stop)
            while not stop.is_set():
                connection.read()


class Http2:
    """One stream of HTTP/2 (RFC 9113), as far as a request needs it: gRPC's own clients cannot stall in a message."""

    def __init__(self, address: str, wait_s: float = 1.0) -> None:
        host, _, port = address.rpartition(":")
        self._wait_s = wait_s
        self._socket = socket.create_connection((host, int(port)), timeout=5)
        self._window, self._stream_window, self._initial = 65_535, 65_535, 65_535
        self._buffer = b""

    def __enter__(self) -> Http2:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def begin(self, path: str, window: int = 65_535) -> None:
        """Send the preface, with how much of an answer may be sent at first, and the headers of a request."""
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost"}
        fields |= {"content-type": "application/grpc", "te": "trailers"}
        block = b"".join(b"\0" + _string(name) + _string(value) for name, value in fields.items())
        self._socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(4, 0, 0, struct.pack(">HL", 4, window))
            + _frame(1, 4, 1, block)
        )

    def send(self, data: bytes, stop: threading.Event) -> None:
        """Send a part of the request, as far as the receiver has room; return early if ``stop`` is set."""
        while data and not stop.is_set():
            size = min(len(data), self._window, self._stream_window, 16_384)
            if size <= 0:
                self.read()
                continue
            self._socket.sendall(_frame(0, 0, 1, data[:size]))
            self._window, self._stream_window, data = self._window - size, self._stream_window - size, data[size:]

    def read(self) -> None:
        """Take in what comes within ``wait_s``. Raises ConnectionError where it is hung up, or the stream refused."""
        self._socket.settimeout(self._wait_s)
        with suppress(TimeoutError):
            if not (received := self._socket.recv(65_536)):
                raise ConnectionError
            self._buffer += received
        self._socket.settimeout(5.0)
        while len(self._buffer) >= 9 and len(self._buffer) >= 9 + (size := int.from_bytes(self._buffer[:3], "big")):
            frame, self._buffer = self._buffer[: 9 + size], self._buffer[9 + size :]
            self._take(frame[3], frame[4], int.from_bytes(frame[5:9], "big"), frame[9:])

    def _take(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == 8:  # WINDOW_UPDATE
            more = int.from_bytes(body, "big")
            self._window += 0 if stream else more
            self._stream_window += more if stream else 0
        elif kind == 4 and not flags & 1:  # SETTINGS
            for key, value in struct.iter_unpack(">HL", body):
                if key == 4:
                    self._stream_window += value - self._initial
                    self._initial = value
            self._socket.sendall(_frame(4, 1, 0, b""))
        elif kind == 6 and not flags & 1:  # PING
            self._socket.sendall(_frame(6, 1, 0, body))
        elif kind in (3, 7) or (stream and flags & 1):  # RST_STREAM, GOAWAY, the end of the stream
            raise ConnectionError


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">L", len(body))[1:] + bytes([kind, flags]) + struct.pack(">L", stream) + body


def _string(text: str) -> bytes:
    """Of HPACK, not compressed (RFC 7541, 5.2)."""
    return bytes([len(text)]) + text.encode()

"""Attacks with URLs of servers that accept a connection and never answer."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.hostile_http import Attack
from benchmarks.hostile_rate import send_steadily
from visop.rpc import rpc_pb2

_HOST = "127.0.0.3"


def calls_of_one_url(address: str, stop: threading.Event, rate: float = 25.0) -> None:
    """Many calls of one URL each, which hold the places of calls."""
    _send(address, stop, rate, urls=1)


def calls_of_256_urls(address: str, stop: threading.Event, rate: float = 7.0) -> None:
    """Calls of as many URLs as one may have, which hold the places of inputs: 70 KB a second."""
    _send(address, stop, rate, urls=256)


#: Every attack, by its name.
ATTACKS: Mapping[str, Attack] = {each.__name__: each for each in (calls_of_one_url, calls_of_256_urls)}


def _send(address: str, stop: threading.Event, rate: float, urls: int) -> None:
    with _hanging_server() as url:
        numbers = itertools.count()

        def request() -> bytes:
            return rpc_pb2.ExecuteRequest(urls=[f"{url}/{next(numbers)}" for _ in range(urls)]).SerializeToString()

        send_steadily(address, stop, rate, request)


@contextmanager
def _hanging_server() -> Iterator[str]:
    """The URL of a server whose system accepts connections for it."""
    with socket.create_server((_HOST, 0), backlog=4096) as listener:
        yield f"http://{_HOST}:{listener.getsockname()[1]}"

"""Clients that send requests and do not read the answers."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Response

from tests.conftest import Running, make_base64, wait_until
from tests.http.conftest import both_protocols
from visop.http.endpoint import Endpoint
from visop.http.server import HttpServer
from visop.http.timeouts import Timeouts
from visop.http.unread import UnreadAnswers
from visop.serving.bytes_in_flight import BytesInFlight
from visop.settings import MIB

ANSWER, MOST = 8 * MIB, 24 * MIB


@dataclass
class Site:
    """A server with a large answer at ``/large``."""

    running: Running
    web: httpx.Client
    endpoint: Endpoint
    asked: list[int]

    @property
    def held(self) -> int:
        return self.endpoint.answers.in_flight.in_hand

    def ask(self, stack: ExitStack, times: int = 1) -> socket.socket:
        """A connection on which the answer was asked for, and nothing is read."""
        connection = stack.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, _, port = self.running.server.companion_addresses["http"].rpartition(":")
        connection.connect((host, int(port)))
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n" * times)
        return connection


@pytest.fixture
def start() -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:

        def start(**timeouts: float) -> Site:
            endpoints: list[Endpoint] = []
            asked: list[int] = []

            def extend(app: FastAPI, endpoint: Endpoint) -> None:
                endpoints.append(endpoint)

                @app.get("/large")
                async def large() -> Response:
                    asked.append(1)
                    return Response(bytes(ANSWER))

            make = functools.partial(HttpServer, extend=extend, timeouts=Timeouts(**timeouts))  # type: ignore[arg-type]
            found = both_protocols(make=make, max_message_bytes=MIB, max_image_bytes=MIB, max_bytes_in_flight=MOST)
            return Site(*stack.enter_context(found), endpoints[0], asked)

        yield start


def test_answers_that_nobody_reads_are_held_up_to_the_limit_and_no_further(start: Callable[..., Site]) -> None:
    site = start()
    with ExitStack() as stack:
        for count in range(1, 7):
            site.ask(stack)
            wait_until(lambda count=count: len(site.asked) == count)  # type: ignore[misc]
        wait_until(lambda: ANSWER < site.held <= MOST)
        assert site.web.post("/v1/execute", json={"datas": [make_base64()]}).status_code == 200
        assert site.held <= MOST
    wait_until(lambda: site.held == 0)


def test_the_next_request_of_a_connection_waits_until_the_answer_is_read(start: Callable[..., Site]) -> None:
    site = start()
    with ExitStack() as stack:
        connection = site.ask(stack, times=3)
        wait_until(lambda: site.held > ANSWER // 2)
        assert site.web.get("/healthz").status_code == 200
        assert len(site.asked) == 1
        received = 0
        while received < 3 * ANSWER:
            received += len(connection.recv(MIB))
        assert len(site.asked) == 3


@pytest.mark.parametrize(
    "timeouts",
    [{"stall_s": 0.1}, {"stall_s": 0.2, "slowest_bytes_s": 1e8}, {"stall_s": 0.1, "read_s": 0.3}],
    ids=["nothing", "too slowly", "for too long"],
)
def test_who_reads_nothing_or_hardly_anything_is_dropped(
    start: Callable[..., Site], timeouts: dict[str, float]
) -> None:
    site, reads = start(**timeouts), len(timeouts) > 1
    with ExitStack() as stack:
        connection = site.ask(stack)
        wait_until(lambda: site.held > 0)
        with suppress(ConnectionError):
            while site.held and (not reads or connection.recv(2048)):
                pass
        wait_until(lambda: site.held == 0)


@dataclass(eq=False)
class FakeReader:
    peer: str
    unread: int = 0
    ended: list[int] = field(default_factory=list)

    def hang_up(self) -> None:
        self.ended.append(self.unread)


def test_the_answers_of_the_peer_that_holds_most_give_way() -> None:
    async def overfill() -> list[bool]:
        answers = UnreadAnswers(BytesInFlight(100))
        readers = [FakeReader("greedy", 40), FakeReader("modest", 10), FakeReader("greedy", 60)]
        for reader in readers:
            answers.note(reader)
        await asyncio.sleep(0)
        assert answers.in_flight.over <= 0
        return [bool(reader.ended) for reader in readers]

    assert asyncio.run(overfill()) == [False, False, True]


def test_what_was_read_meanwhile_does_not_count() -> None:
    async def overfill() -> list[int]:
        answers, first = UnreadAnswers(BytesInFlight(100)), FakeReader("first", 80)
        answers.note(first)
        first.unread = 20
        answers.note(FakeReader("second", 60))
        await asyncio.sleep(0)
        return first.ended

    assert asyncio.run(overfill()) == []

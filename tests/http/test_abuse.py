"""What no honest client sends."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import json
import re
import select
import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.conftest import Running, make_base64, wait_until
from tests.http.conftest import both_protocols, raw, read_all, read_answer
from visop.errors import InvalidInput
from visop.http.forms import read_form
from visop.http.server import HttpServer
from visop.http.timeouts import Timeouts
from visop.settings import MIB

Both = tuple[Running, httpx.Client]

LIMIT = MIB


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with both_protocols(max_message_bytes=LIMIT, max_image_bytes=LIMIT, max_items=8) as found:
        yield found


@pytest.fixture(autouse=True)
def _still_works_afterwards(both: Both) -> Iterator[None]:
    yield
    assert both[1].post("/embed", json={"inputs": make_base64((3, 4, 0))}).json() == [[0.6, 0.8, 0.0]]


StartImpatient = Callable[..., Running]


@pytest.fixture
def start_impatient(start_both: Callable[..., Both]) -> Iterator[StartImpatient]:
    """Start servers with shorter timeouts; each must still work after the test."""
    started: list[Both] = []

    def start(**timeouts: float) -> Running:
        make = functools.partial(HttpServer, timeouts=Timeouts(**timeouts))  # type: ignore[arg-type]
        started.append(start_both(make=make, max_message_bytes=LIMIT, max_image_bytes=LIMIT))
        return started[-1][0]

    yield start
    for server, _ in started:
        while not is_served(server):  # a connection that was just closed may still count against the limit
            pass


def head(length: str, path: str = "/v1/execute") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n".encode()


def problem(connection: socket.socket) -> dict[str, object]:
    found: dict[str, object] = json.loads(read_answer(connection).body)
    return found


def test_a_gigabyte_is_refused_by_its_announcement(both: Both) -> None:
    with raw(both[0]) as connection:
        connection.sendall(head("Content-Length: 1073741824"))
        found = problem(connection)
    assert (found["status"], found["code"]) == (413, "INVALID_ARGUMENT")
    assert found["detail"] == "the body has 1,073,741,824 bytes, the limit is 1,048,576"


def test_a_body_that_does_not_announce_its_size_is_refused_when_it_reaches_the_limit(both: Both) -> None:
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with raw(both[0]) as connection:
        connection.sendall(head("Transfer-Encoding: chunked") + chunk * (LIMIT // 65536 + 1))
        found = problem(connection)
    assert found["status"] == 413
    assert re.fullmatch(r"the body has at least 1,\d{3},\d{3} bytes, the limit is 1,048,576", str(found["detail"]))


def test_who_goes_on_sending_a_refused_body_is_cut_off(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(linger_s=0.05)) as connection:
        connection.sendall(head("Content-Length: 1073741824"))
        endless = itertools.repeat(bytes(65536))
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            collections.deque(map(connection.sendall, endless), maxlen=0)


def test_a_refused_body_that_ends_leaves_the_connection_usable(both: Both) -> None:
    with raw(both[0]) as connection:
        connection.sendall(head(f"Content-Length: {LIMIT + 1}") + bytes(LIMIT + 1))
        assert problem(connection)["status"] == 413
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).status == 200


def test_a_head_that_never_ends_is_cut_off(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(head_s=0.1)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert read_all(connection) == b""


def test_a_second_head_that_never_ends_is_cut_off_too(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(head_s=0.1)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).status == 200
        connection.sendall(b"GET /hea")
        assert read_all(connection) == b""


def test_a_connection_that_says_nothing_is_cut_off(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(head_s=0.1)) as connection:
        assert read_all(connection) == b""


def test_a_head_without_end_is_refused(both: Both) -> None:
    with raw(both[0]) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 20_000)
        assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_a_body_that_stops_coming_is_refused(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(silence_s=0.1)) as connection:
        connection.sendall(head("Content-Length: 100") + b"{")
        found = problem(connection)
    assert (found["status"], found["code"]) == (408, "DEADLINE_EXCEEDED")
    assert found["detail"] == "the body came too slowly: 1 bytes so far"


def test_a_body_that_drips_is_refused_before_the_time_for_a_whole_one(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(silence_s=0.2)) as connection:
        connection.sendall(head("Content-Length: 1000"))
        began = time.monotonic()
        while not select.select([connection], [], [], 0.05)[0]:
            connection.sendall(b" ")
        assert problem(connection)["status"] == 408
    assert time.monotonic() - began < 5  # of 60 for a whole request


def test_the_slowest_body_makes_room_for_a_new_one(start_both: Callable[..., Both]) -> None:
    server, web = start_both(max_calls=2, max_batch=1)
    with raw(server) as one, raw(server) as two:
        for connection, so_far in (one, b"{"), (two, b"{" + b" " * 1000):
            connection.sendall(head("Content-Length: 1003") + so_far)
        answer = web.post("/v1/execute", json={})
        while not select.select([one], [], [], 0)[0]:  # until both of them were seen, and had their time
            answer = web.post("/v1/execute", json={})
        assert answer.status_code in (200, 429)
        assert problem(one)["detail"] == "the body came too slowly: 1 bytes so far"
        assert web.post("/v1/execute", json={}).status_code == 200
        two.sendall(b" }")
        assert read_answer(two).status == 200


def test_the_largest_body_gives_way_when_they_are_more_bytes_than_may_be(start_both: Callable[..., Both]) -> None:
    size = LIMIT - 1
    server, web = start_both(max_message_bytes=LIMIT, max_image_bytes=LIMIT, max_bytes_in_flight=2 * LIMIT)
    with raw(server) as one, raw(server) as two, raw(server) as three:
        bodies = [(one, size * 8 // 10), (two, size * 9 // 10), (three, size * 7 // 10)]
        for number, (connection, so_far) in enumerate(bodies, start=1):
            connection.sendall(head(f"Content-Length: {size}") + b"{" + b" " * (so_far - 1))
            come = 0 if number == 3 else sum(part for _, part in bodies[:number])
            wait_until(lambda: server.server._calls.in_flight.in_hand >= come)  # noqa: B023
        found = problem(two)
        assert (found["status"], found["code"]) == (429, "RESOURCE_EXHAUSTED")
        assert "OP_MAX_BYTES_IN_FLIGHT" in str(found["detail"])
        assert web.post("/v1/execute", json={}).status_code == 200
        for connection, so_far in (bodies[0], bodies[2]):
            connection.sendall(b" " * (size - so_far - 1) + b"}")
            assert read_answer(connection).status == 200
    wait_until(lambda: server.server._calls.in_flight.in_hand == 0)


def test_a_body_does_not_give_way_for_what_another_address_holds(start_both: Callable[..., Both]) -> None:
    server, web = start_both(max_message_bytes=LIMIT, max_image_bytes=LIMIT, max_bytes_in_flight=LIMIT)
    server.server._calls.in_flight.add("10.0.0.1", 2 * LIMIT)
    assert web.post("/v1/execute", json={}).status_code == 200
    assert web.post("/v1/execute", content=b" " * (LIMIT // 4)).status_code == 429


def test_a_body_in_tiny_chunks_is_cut_off(both: Both) -> None:
    with raw(both[0]) as connection:
        connection.sendall(head("Transfer-Encoding: chunked") + b"1\r\n \r\n" * 600)  # of which 256 are taken
        assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_many_chunks_of_a_fair_size_are_taken(both: Both) -> None:
    body = b"{" + b" " * 99_998 + b"}"
    parts = [body[start : start + 80] for start in range(0, len(body), 80)]
    answer = both[1].post("/v1/execute", content=iter(parts), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_request_with_two_lengths_is_refused_and_nothing_after_it_is_read(both: Both) -> None:
    two = head("Content-Length: 2\r\nTransfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n"
    with raw(both[0]) as connection:
        connection.sendall(two + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = read_all(connection)  # until it hangs up
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1


def test_chunks_that_are_none_after_the_answer_end_the_connection(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    with raw(both[0]) as connection:
        connection.sendall(head("Transfer-Encoding: chunked").replace(b"/json", b"/json\r\nContent-Encoding: gzip"))
        assert problem(connection)["status"] == 415
        connection.sendall(b"none\r\n")
        assert read_all(connection) == b""
    assert not caplog.records


def test_a_new_connection_takes_the_place_of_one_that_waits(start_impatient: StartImpatient) -> None:
    server = start_impatient(max_connections=2)
    with raw(server) as used, raw(server) as idle:
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(used).status == 200
        assert is_served(server)
        assert read_all(idle) == b""
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(used).status == 200


def test_a_connection_that_is_served_keeps_its_place(start_impatient: StartImpatient) -> None:
    server = start_impatient(max_connections=1)
    with raw(server) as served:
        served.sendall(head("Content-Length: 2\r\nExpect: 100-continue"))
        assert served.recv(1000).startswith(b"HTTP/1.1 100")  # so its request was seen
        assert not is_served(server)
        served.sendall(b"{}")
        assert read_answer(served).status == 200


def is_served(server: Running) -> bool:
    """Whether a new connection gets an answer."""
    with raw(server) as connection:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        except ConnectionError:
            return False
        return read_all(connection).startswith(b"HTTP/1.1 200")


LONG = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40  # 60 MB


def test_who_does_not_read_the_answer_is_cut_off(start_impatient: StartImpatient) -> None:
    with raw(start_impatient(stall_s=0.1)) as connection:
        connection.sendall(LONG)
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            collections.deque(map(connection.send, itertools.repeat(b" ")), maxlen=0)


def test_who_does_not_read_the_answer_makes_room_for_another(start_impatient: StartImpatient) -> None:
    server = start_impatient(max_connections=1)
    with raw(server) as connection:
        connection.sendall(LONG)
        while not is_served(server):  # until it stalls
            pass


BODIES = {
    "nothing": b"",
    "not-json": b"cat.jpg",
    "cut-off": b'{"datas": ["',
    "deep": b"[" * 200_000,
    "deep-objects": b'{"a":' * 100_000,
    "nan": b"NaN",
    "surrogate": b'{"datas": ["\\ud800"]}',
    "not-utf8": b'{"datas": ["\xff"]}',
    "utf16": '{"datas": []}'.encode("utf-16"),
    "list": b"[]",
    "number": b"1" + b"0" * 10_000,
    "wrong-type": b'{"datas": 1}',
    "wrong-element": b'{"datas": ["", 1]}',
    "null": b"null",
    "null-element": b'{"datas": [null]}',
    "not-bool": b'{"partial": "true"}',
    "unknown": b'{"data": []}',
    "many-values": b'{"datas": [' + b'"",' * 100_000 + b'""]}',
    "many-fields": b"{" + b",".join(b'"%d":1' % number for number in range(50_000)) + b"}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/v1/execute", "/embed"])
def test_a_body_that_is_no_request_is_the_callers_fault(both: Both, path: str, body: bytes) -> None:
    answer = both[1].post(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert len(answer.json()["detail"]) < 300
    assert "pydantic" not in answer.text


def test_the_first_fault_is_named(both: Both) -> None:
    answer = both[1].post("/v1/execute", json={"datas": ["a", 2]})
    assert answer.json()["detail"] == "datas[1]: must be a string"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
    ids=str,
)
def test_a_body_of_another_kind_is_refused(both: Both, headers: dict[str, str]) -> None:
    answer = both[1].post("/v1/execute", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "INVALID_ARGUMENT")
    assert "Encoding" in str(headers) or "application/json or multipart/form-data" in answer.json()["detail"]


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def part(name: str, value: bytes = b"") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"'.encode() + b"\r\n\r\n" + value


FORMS = {
    "empty": (b"", "x"),
    "no-boundary": (form(), ""),
    "long-boundary": (form(), "x" * 1000),
    "other-boundary": (form(part("urls")), "y"),
    "cut-off": (form(part("urls"), end=b""), "x"),
    "many-parts": (form(*[part("datas")] * 5000), "x"),
    "unknown-part": (form(part("../../etc/passwd")), "x"),
    "no-name": (form(b"Content-Disposition: form-data\r\n\r\n"), "x"),
    "no-disposition": (form(b"\r\n"), "x"),
    "many-headers": (form(b"X-A: 1\r\n" * 100 + part("urls")), "x"),
    "long-header": (form(b"X-A: " + b"1" * 100_000 + b"\r\n" + part("urls")), "x"),
    "bad-encoding": (form(b"Content-Transfer-Encoding: base64\r\n" + part("datas", b"%%%")), "x"),
    "unknown-encoding": (form(b"Content-Transfer-Encoding: zip\r\n" + part("datas")), "x"),
    "not-utf8": (form(part("urls", b"\xff")), "x"),
    "name-not-utf8": (form(b'Content-Disposition: form-data; name="\xff"\r\n\r\n'), "x"),
    "quoted-printable": (form(b"Content-Transfer-Encoding: quoted-printable\r\n" + part("urls", b"=41")), "x"),
    "nearly-boundaries": (form(part("urls", b"\r\n--xZ" * 100)), "x"),
    "not-bool": (form(part("partial", b"maybe")), "x"),
}


@pytest.mark.parametrize(("body", "boundary"), FORMS.values(), ids=FORMS)
def test_a_form_that_is_no_request_is_the_callers_fault(both: Both, body: bytes, boundary: str) -> None:
    kind = f"multipart/form-data; boundary={boundary}" if boundary else "multipart/form-data"
    answer = both[1].post("/v1/execute", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT"), answer.text


@pytest.mark.parametrize(
    "unit", [b"\r\n--xZ", b"\r\n--x-Z", b"\r\n--x\rZ", b"\r\n--", b"\r", b"--x\r\n", b"\r\n--x\r\n"]
)
def test_no_form_costs_more_than_a_search_of_it(unit: bytes) -> None:
    data = form(part("urls", unit * (2 * MIB // len(unit))))
    began = time.thread_time()
    with contextlib.suppress(InvalidInput):
        read_form(data, "multipart/form-data; boundary=x", 256)
    assert time.thread_time() - began < 0.1  # of 0.7 s for a parser that looks at each


@pytest.mark.parametrize(
    "path",
    [
        "/v1/execute/",
        "//v1/execute",
        "/v1/../v1/execute",
        "/v1/%2e%2e/v1/execute",
        "/V1/EXECUTE",
        "/docs/../../../../etc/passwd",
        "/docs/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/docs/..%5c..%5cetc",
        "/%00",
        "/v1/execute%00",
        "/v1/execute;x",
    ],
)
def test_a_path_by_another_spelling_is_not_found(both: Both, path: str) -> None:
    with raw(both[0]) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = read_answer(connection)
    assert answer.status == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
    ids=["tls", "http2", "no-host", "two-hosts", "two-lengths", "negative", "digits", "coding"],
)
def test_what_is_not_http_is_refused(both: Both, head: bytes) -> None:
    with raw(both[0]) as connection:
        connection.sendall(head)
        assert read_all(connection).startswith((b"HTTP/1.1 400", b"HTTP/1.1 421", b"HTTP/1.1 501"))

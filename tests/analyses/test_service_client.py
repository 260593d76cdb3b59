"""The client of a service, against a server that answers as it is told, and as no service should."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from visop.analyses.event_stream import read_events
from visop.analyses.service_client import ServiceClient
from visop.analyses.submission import key_of, submit_pictures
from visop.client.security import Security
from visop.errors import DeadlinePassed, NotFound, Overloaded, RemoteError, Unreachable, UsageError


@dataclass
class Asked:
    """A request, as far as the tests look at it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answers:
    """What the server answers next, and what it was asked. An answer is a status, headers and a body."""

    next: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def say(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.next.append((status, {"Content-Length": str(len(body))} | (headers or {}), body))


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def service(answers: Answers) -> Iterator[ServiceClient]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answers.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            status, headers, content = answers.next.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = "X-End" in headers

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PATCH(self) -> None:
            self.answer()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with ServiceClient(f"http://127.0.0.1:{server.server_port}", timeout_s=0.5) as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(code: str, detail: str) -> dict[str, str]:
    return {"code": code, "detail": detail}


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (404, problem("NOT_FOUND", "no analysis 9"), NotFound),
        (429, problem("RESOURCE_EXHAUSTED", "too many"), Overloaded),
        (503, problem("UNAVAILABLE", "the database cannot be reached"), Unreachable),
        (400, problem("INVALID_ARGUMENT", "limit: must be at least 1"), RemoteError),
        (502, b"<html>proxy</html>", Unreachable),
        (200, b"<html>captive portal</html>", Unreachable),
    ],
    ids=["404", "429", "503", "400", "proxy", "no JSON"],
)
def test_a_problem_is_raised_in_its_own_words(
    service: ServiceClient, answers: Answers, status: int, answer: object, error: type[Exception]
) -> None:
    headers = {"Retry-After": "3"} if status == 429 else {}
    answers.say(answer, status, headers)
    with pytest.raises(error) as raised:
        service.get("analyses/9")
    if isinstance(answer, dict):
        assert str(raised.value) == answer["detail"]
    assert getattr(raised.value, "retry_after_s", None) == (3.0 if status == 429 else None)


def test_a_connection_that_the_server_ended_is_opened_again(service: ServiceClient, answers: Answers) -> None:
    for number in range(3):
        answers.say({"id": number}, headers={"X-End": "1"})
    assert [service.get("jobs/1")["id"] for _ in range(3)] == [0, 1, 2]


def test_a_list_is_read_page_after_page_as_far_as_it_is_wanted(service: ServiceClient, answers: Answers) -> None:
    answers.say({"jobs": [{"id": 5}, {"id": 4}], "next": "/jobs?limit=2&cursor=a%20b"})
    answers.say({"jobs": [{"id": 3}, {"id": 2}], "next": "/jobs?limit=2&cursor=c"})
    assert [each["id"] for each in service.list("jobs", "jobs", 3, limit=2, state=None)] == [5, 4, 3]
    assert [each.target for each in answers.asked] == ["/jobs?limit=2", "/jobs?limit=2&cursor=a+b"]


def test_a_server_that_says_nothing_is_not_waited_for(service: ServiceClient, answers: Answers) -> None:
    answers.next.append((200, {"Content-Length": "10"}, b"half"))
    with pytest.raises(DeadlinePassed, match=r"has not answered for 0\.5 s"):
        service.get("jobs")


def test_an_answer_that_ends_too_early_is_no_answer(service: ServiceClient, answers: Answers) -> None:
    answers.next.append((200, {"Content-Length": "10", "X-End": "1"}, b"half"))
    with pytest.raises(Unreachable):
        list(service.stream("jobs/1/results", "*/*"))


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "ftp://host", "http://", "http://host:99999", "http://h?x=1"])
def test_what_is_no_address_of_http_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"must be"):
        ServiceClient(address)


def test_a_token_is_sent_with_every_request(answers: Answers, service: ServiceClient, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    answers.say({})
    with ServiceClient(service.service, security=Security(token_file=file)) as client:
        client.get("jobs")
    assert answers.asked[0].headers["Authorization"] == "Bearer abc"
    answers.say({})
    service.get("jobs")
    assert "Authorization" not in answers.asked[1].headers


def counts(done: int = 0, queued: int = 0) -> dict[str, int]:
    return {"queued": queued, "running": 0, "done": done, "failed": 0, "cancelled": 0}


def test_a_job_is_followed_by_its_events_and_by_asking_once_those_break_off(
    service: ServiceClient, answers: Answers
) -> None:
    states = ["queued", "running", "running", "done"]
    jobs = [{"id": 1, "state": state, "counts": counts()} for state in states]
    events = b": hello\r\n\r\n" + b"".join(b"event: job\ndata: %s\n\n" % json.dumps(job).encode() for job in jobs[:2])
    answers.say(events)
    answers.say(jobs[2])
    answers.say(jobs[3])
    assert [job["state"] for job in service.follow("jobs/1", "job", poll_s=0)] == states


def test_events_have_lines_of_data_and_comments() -> None:
    lines = [
        b": c\n",
        b"event: job\r\n",
        b"data: a\r\n",
        b"data:b\r\n",
        b"\r\n",
        b"\n",
        b"data: c\n",
        b"id: 3\n",
        b"\n",
    ]
    assert list(read_events(lines)) == [("job", "a\nb"), ("message", "c")]


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[int], list[str]]:
    def made(count: int) -> list[str]:
        paths = [tmp_path / f"{number:03}.png" for number in range(count)]
        for path in paths:
            path.write_bytes(b"picture")
        return [str(path) for path in paths]

    return made


def test_an_upload_goes_on_where_it_stopped_and_leaves_out_what_cannot_be_read(
    service: ServiceClient, answers: Answers, pictures: Callable[[int], list[str]]
) -> None:
    names = pictures(100)
    names[40] += "-is-gone"
    for _ in range(3):
        answers.say({"added": 0})
    answers.say({"id": 7, "state": "running", "total": 99})
    told: list[int] = []
    sent = submit_pictures(service, {"id": 7, "counts": counts(10)}, names, 1000, told.append)
    posts = [each for each in answers.asked if each.method == "POST"]
    firsts = [each.body.split(b'name="first"\r\n\r\n')[1].split(b"\r\n")[0] for each in posts]
    assert firsts == [b"10", b"41"]
    assert told == [10, 30, 59]
    assert list(sent.unreadable) == [names[40]]
    assert json.loads(answers.asked[-1].body) == {"complete": True}


def test_the_key_of_a_job_is_that_of_its_pictures_as_they_are(pictures: Callable[[int], list[str]]) -> None:
    names = pictures(2)
    key = key_of(names, "faces")
    assert key == key_of(names, "faces") != key_of(names, "embedded")
    with open(names[0], "ab") as file:
        file.write(b"!")
    assert key != key_of(names, "faces")

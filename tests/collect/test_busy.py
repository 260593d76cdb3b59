"""A host that is asked too often is waited for as it says, or left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.collect.conftest import Collect, Manifest
from tests.collect.pages_site import PagesSite, picture, sends
from tests.collect.test_pace import Clock
from visop.collect.busy import HostBusy, wait_s
from visop.collect.crawler import Crawler
from visop.collect.pace import Pace
from visop.errors import FetchFailed
from visop.images.fetching.fetch import Answer, Fetcher

Handle = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, retry_after_s: float | None = None) -> Answer:
    return Answer("http://a.test/", status, "", None, b"", retry_after_s)


def in_turn(*answers: Handle) -> Handle:
    """A path that answers each time something else; the last one stays."""
    left = list(answers)

    def answer_next(handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer_next


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def crawler(clock: Clock) -> Iterator[Crawler]:
    pace = Pace(1.0, lambda: clock.now, clock.sleep)
    with Fetcher(timeout_s=5, max_bytes=10**6, max_redirects=0, allow=("127.0.0.1",)) as fetcher:
        yield Crawler(fetcher, pace, 3)


def get(crawler: Crawler, url: str) -> bytes:
    return crawler.get(url, max_bytes=1000, accept="*/*").body


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_is_waited_for_as_it_says(crawler: Crawler, web: PagesSite, clock: Clock, status: int) -> None:
    web.paths["/a"] = in_turn(sends("", status=status, Retry_After="20"), sends("A"))
    assert get(crawler, web.url("/a")) == b"A"
    assert clock.slept == [1, 20]  # after robots.txt, and after the refusal


def test_a_date_is_understood(crawler: Crawler, web: PagesSite, clock: Clock) -> None:
    web.paths["/a"] = in_turn(sends("", status=429, Retry_After="Mon, 01 Jan 2035 00:00:00 GMT"), sends("A"))
    with pytest.raises(HostBusy, match=r"^127.0.0.1 asks to be left alone for [\d,]+ s, the limit is 300 s$"):
        get(crawler, web.url("/a"))
    assert len(web.asked) == 2


def test_robots_txt_is_waited_for_too(crawler: Crawler, web: PagesSite, clock: Clock) -> None:
    refused = sends("", status=429, Retry_After="20")
    web.paths |= {"/robots.txt": in_turn(refused, sends("User-agent: *\nDisallow: /b")), "/a": sends("A")}
    assert get(crawler, web.url("/a")) == b"A"
    assert clock.slept == [20, 1]


def test_a_host_that_wants_too_much_is_not_asked_again(crawler: Crawler, web: PagesSite, clock: Clock) -> None:
    web.paths |= {"/a": sends("", status=429, Retry_After="301"), "/b": sends("B")}
    for path in ("/a", "/b"):
        with pytest.raises(HostBusy, match="for 301 s"):
            get(crawler, web.url(path))
    assert web.asked == ["/robots.txt", "/a"]
    assert clock.slept == [1]


def test_a_host_that_stays_busy_is_not_asked_for_ever(crawler: Crawler, web: PagesSite, clock: Clock) -> None:
    web.paths["/a"] = sends("", status=429)
    with pytest.raises(HostBusy, match=r"^127.0.0.1 answers with status 429, also after 2 waits$"):
        get(crawler, web.url("/a"))
    assert clock.slept == [1, 10, 20]


def test_a_server_that_fails_is_not_waited_for(crawler: Crawler, web: PagesSite, clock: Clock) -> None:
    web.paths["/a"] = sends("", status=503)
    with pytest.raises(FetchFailed, match="status 503"):
        get(crawler, web.url("/a"))
    assert wait_s(answer(200, 20), 1, "a.test") is None
    assert wait_s(answer(500, 20), 1, "a.test") is None


def test_no_other_host_is_held(clock: Clock) -> None:
    pace = Pace(1.0, lambda: clock.now, clock.sleep)
    pace.wait("a.test")
    pace.hold("a.test", 20)
    pace.wait("b.test")
    assert clock.slept == []
    pace.wait("a.test")
    assert clock.slept == [20]


# The command


def test_the_command_waits_says_so_and_has_them_all(
    web: PagesSite, collect: Collect, capsys: pytest.CaptureFixture[str]
) -> None:
    page = web.page("/", web.pictures(3))
    web.paths["/2.png"] = in_turn(sends("", status=429, Retry_After="0.05"), web.paths["/2.png"])
    assert collect(page) == 0
    assert "visop: 127.0.0.1 asks to wait 0.05 s" in capsys.readouterr().err
    assert web.asked.count("/2.png") == 2


def test_what_is_left_is_said_and_the_next_run_goes_on_with_it(
    web: PagesSite, collect: Collect, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    page, second = web.page("/", web.pictures(4)), web.page("/second", "<img src=/1.png>")
    there = web.paths["/2.png"]
    web.paths["/2.png"] = sends("", status=429, Retry_After="3600")
    assert collect(page, second) == 3
    assert web.asked == ["/robots.txt", "/", "/1.png", "/2.png"]
    assert capsys.readouterr().err == (
        "visop: not finished: 127.0.0.1 asks to be left alone for 3,600 s, the limit is 300 s "
        "(4 pictures and pages are left). What is done is kept; the same command goes on from there.\n"
    )
    web.paths["/2.png"] = there
    assert collect(page, second) == 0
    assert [entry["outcome"] for entry in manifest()] == ["done"] * 4


# Several sizes of one picture


SRCSET = "<img src=/small.png srcset='/large.png 1600w, /middle.png 800w'>"


def test_the_next_size_is_taken_where_the_largest_is_gone(
    web: PagesSite, collect: Collect, manifest: Manifest, tmp_path: Path
) -> None:
    web.paths |= {"/middle.png": sends(picture(1)), "/small.png": sends(picture(2))}
    page = web.page("/", SRCSET)
    assert collect(page) == 0
    taken, gone = manifest()
    assert (taken["url"], taken["outcome"]) == (web.url("/middle.png"), "done")
    assert (gone["url"], gone["outcome"]) == (web.url("/large.png"), "skipped")
    assert gone["reason"] == "the remote server answered with status 404; another size of it was taken"
    assert collect(page, "--refetch-pages") == 0
    assert web.asked.count("/large.png") == web.asked.count("/middle.png") == 1


@pytest.mark.parametrize(
    "first",
    [
        sends("<svg/>", "image/svg+xml"),
        sends("no picture", "image/png"),
        sends(picture(1)[:200], "image/png"),
        sends("", status=503),
        sends(""),
    ],
    ids=["svg", "text", "damaged", "503", "empty"],
)
def test_so_it_is_where_the_largest_cannot_be_used(
    web: PagesSite, collect: Collect, manifest: Manifest, first: Handle
) -> None:
    web.paths |= {"/large.png": first, "/small.png": sends(picture(2))}
    assert collect(web.page("/", SRCSET)) == 0
    assert [entry["url"] for entry in manifest() if entry["outcome"] == "done"] == [web.url("/small.png")]


def test_where_none_is_there_the_largest_is_what_failed(web: PagesSite, collect: Collect, manifest: Manifest) -> None:
    assert collect(web.page("/", SRCSET)) == 1
    (failed,) = manifest()
    assert (failed["url"], failed["outcome"]) == (web.url("/large.png"), "failed")
    assert failed["reason"] == "the remote server answered with status 404"


def test_another_size_is_not_asked_for_without_need(web: PagesSite, collect: Collect) -> None:
    web.paths |= {"/large.png": sends(picture(1)), "/middle.png": sends(picture(2))}
    assert collect(web.page("/", SRCSET)) == 0
    assert web.asked == ["/robots.txt", "/", "/large.png"]

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.collect.pages_site import PagesSite, redirects, sends
from visop.collect.crawler import Crawler
from visop.collect.pace import Pace
from visop.collect.robots import Disallowed
from visop.errors import FetchFailed, FetchUnavailable, UrlRejected
from visop.images.fetching.fetch import Answer, Fetcher


class Waits(Pace):
    """Writes down what it would wait for."""

    def __init__(self) -> None:
        super().__init__(0)
        self.asked: list[tuple[str, float]] = []

    def wait(self, host: str, least_s: float = 0.0) -> None:
        self.asked.append((host, least_s))


@pytest.fixture
def pace() -> Waits:
    return Waits()


@pytest.fixture
def crawler(pace: Waits) -> Iterator[Crawler]:
    with Fetcher(timeout_s=5, max_bytes=10**6, max_redirects=0, allow=("127.0.0.1",)) as fetcher:
        yield Crawler(fetcher, pace, 3)


def get(crawler: Crawler, url: str) -> Answer:
    return crawler.get(url, max_bytes=10**6, accept="*/*")


def test_robots_txt_is_asked_for_once_per_host_and_before_all_else(crawler: Crawler, web: PagesSite) -> None:
    web.page("/a", "A")
    assert get(crawler, web.url("/a")).body == get(crawler, web.url("/a")).body == b"A"
    assert web.asked == ["/robots.txt", "/a", "/a"]
    assert {headers["User-Agent"] for headers in web.headers} == {"visop"}


def test_what_robots_txt_disallows_is_not_asked_for(crawler: Crawler, web: PagesSite) -> None:
    web.paths["/robots.txt"] = sends("User-agent: visop\nDisallow: /a")
    with pytest.raises(Disallowed, match=r"robots.txt does not allow it"):
        get(crawler, web.url("/a"))
    assert web.asked == ["/robots.txt"]


def test_a_redirect_does_not_lead_past_robots_txt(crawler: Crawler, web: PagesSite) -> None:
    web.paths["/robots.txt"] = sends("User-agent: visop\nDisallow: /a")
    web.paths["/b"] = redirects("/a")
    with pytest.raises(Disallowed):
        get(crawler, web.url("/b"))
    assert web.asked == ["/robots.txt", "/b"]


def test_every_request_waits_for_its_turn(crawler: Crawler, web: PagesSite, pace: Waits) -> None:
    web.paths |= {"/robots.txt": sends("User-agent: *\nCrawl-delay: 7"), "/b": redirects("/a"), "/a": sends("A")}
    get(crawler, web.url("/b"))
    assert pace.asked == [("127.0.0.1", 0), ("127.0.0.1", 7), ("127.0.0.1", 7)]


def test_redirects_are_counted_and_the_last_url_is_told(crawler: Crawler, web: PagesSite) -> None:
    web.paths |= {"/1": redirects("/2#x"), "/2": redirects("/3"), "/3": redirects("/4"), "/4": sends("end")}
    assert get(crawler, web.url("/1")).url == web.url("/4")
    web.paths["/4"] = redirects("/5")
    with pytest.raises(FetchFailed, match="redirects more than 3 times"):
        get(crawler, web.url("/1"))


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/a",
        "http://169.254.169.254/",
        "http://[::1]/",
        "file:///etc/passwd",
        "javascript:x",
    ],
)
def test_a_redirect_leads_to_no_place_that_is_not_allowed(crawler: Crawler, web: PagesSite, location: str) -> None:
    web.paths["/a"] = redirects(location)
    with pytest.raises(UrlRejected):
        get(crawler, web.url("/a"))


def test_robots_txt_may_not_be_redirected_to_a_private_address(crawler: Crawler, web: PagesSite) -> None:
    web.paths |= {"/robots.txt": redirects("http://127.0.0.2/robots.txt"), "/a": sends("A")}
    with pytest.raises(UrlRejected):
        get(crawler, web.url("/a"))
    assert web.asked == ["/robots.txt"]


def test_a_host_whose_robots_txt_fails_is_asked_once(crawler: Crawler, web: PagesSite) -> None:
    web.paths |= {"/robots.txt": sends("", status=503), "/a": sends("A")}
    for _ in range(2):
        with pytest.raises(FetchUnavailable):
            get(crawler, web.url("/a"))
    assert web.asked == ["/robots.txt"]


@pytest.mark.parametrize(("status", "body"), [(404, "x"), (500, "x"), (204, "")])
def test_what_is_no_answer_is_an_error(crawler: Crawler, web: PagesSite, status: int, body: str) -> None:
    web.paths["/a"] = sends(body, status=status)
    with pytest.raises(FetchFailed):
        get(crawler, web.url("/a"))


@pytest.mark.parametrize(
    "url", ["", "a.html", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "http://["]
)
def test_what_is_no_url_of_the_web_is_refused(crawler: Crawler, url: str) -> None:
    with pytest.raises(UrlRejected):
        get(crawler, url)

"""By RFC 9309; the numbers are its sections."""

from __future__ import annotations

import time

import pytest

from tests.conftest import note
from visop.collect.robots import Disallowed, Rules, read_rules
from visop.errors import FetchFailed, FetchUnavailable, UrlRejected, VisopError
from visop.images.fetching.fetch import Answer

SITE = "http://example.org:8080"


def rules(text: str | bytes = "", status: int = 200) -> Rules:
    body = text.encode() if isinstance(text, str) else text
    return read_rules(f"{SITE}/a/b.html", lambda url: Answer(url, status, "text/plain", None, body))


def allows(rules: Rules, path: str) -> bool:
    try:
        rules.check(SITE + path)
    except Disallowed:
        return False
    return True


def test_the_file_of_the_host_and_port_is_asked_for() -> None:
    asked: list[str] = []
    read_rules(f"{SITE}/a/b.html?c", lambda url: Answer(note(asked, url), 404, "", None, b""))
    assert asked == [f"{SITE}/robots.txt"]


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: visop\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", True),
        ("User-agent: Visop\nDisallow: /a", "/a", False),  # 2.2.1: whatever the case
        ("User-agent: visop/1.0\nDisallow: /a", "/a", False),  # 2.2.1: the name counts, what else is there does not
        ("user-agent : Visop/2 (crawler)\r\nDisallow: /a", "/a", False),
        ("User-agent: visop-news/1.0\nDisallow: /a", "/a", True),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),  # 2.2.2: the longest match
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/c", False),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),  # 2.2.2: of equal ones the allowing
        ("User-agent: *\nDisallow: /*.png$", "/x/y.png", False),  # 2.2.3
        ("User-agent: *\nDisallow: /*.png$", "/x/y.png?z", True),
        ("User-agent: visop\nUser-agent: other\nDisallow: /a", "/a", False),
        ("User-agent: visop\nDisallow: /a\n\nUser-agent: visop\nDisallow: /b", "/b", False),  # 2.2.1: groups are joined
        ("\ufeffUser-agent: *\nDisallow: /a", "/a", False),
        ("User-agent: *\rDisallow: /a", "/a", False),
        ("User-agent: * # all\nDisallow: /a # secret", "/a", False),
        ("User-agent: *\nDisallow: /ü", "/%C3%BC", False),
        ("<html>not a robots.txt", "/a", True),
    ],
)
def test_the_rules_are_read(text: str, path: str, allowed: bool) -> None:
    assert allows(rules(text), path) is allowed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_without_the_file_everything_is_allowed(status: int) -> None:
    assert allows(rules(status=status), "/a")


@pytest.mark.parametrize("status", [429, 500, 503, 304])
def test_what_nobody_can_say_is_not_allowed(status: int) -> None:
    with pytest.raises(FetchUnavailable, match=rf"robots.txt has status {status}"):
        rules(status=status).check(f"{SITE}/a")


@pytest.mark.parametrize("error", [FetchUnavailable, FetchFailed])
def test_a_host_that_does_not_answer_is_left_alone(error: type[VisopError]) -> None:
    def fail(_url: str) -> Answer:
        raise error("no answer")

    read = read_rules(f"{SITE}/a", fail)
    for _ in range(2):
        with pytest.raises(FetchUnavailable, match="nothing is fetched from this host: no answer"):
            read.check(f"{SITE}/a")


def test_a_host_that_must_not_be_contacted_is_refused_as_such() -> None:
    def fail(_url: str) -> Answer:
        raise UrlRejected("not public")

    with pytest.raises(UrlRejected, match="not public"):
        read_rules(f"{SITE}/a", fail).check(f"{SITE}/a")


@pytest.mark.parametrize(("hops", "allowed"), [(5, True), (6, False)])
def test_five_redirects_are_followed(hops: int, allowed: bool) -> None:
    def ask(url: str) -> Answer:
        hop = int(url.rpartition("/")[2].removesuffix("robots.txt") or 0)
        return Answer(url, 302, "", f"/{hop + 1}", b"") if hop < hops else Answer(url, 200, "", None, b"")

    read = read_rules(f"{SITE}/a", ask)
    if allowed:
        read.check(f"{SITE}/a")
    else:
        with pytest.raises(FetchUnavailable, match="too many redirects"):
            read.check(f"{SITE}/a")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "javascript:x", "http://[", "data:text/plain,"])
def test_a_redirect_to_what_is_no_web_page_is_no_answer(location: str) -> None:
    read = read_rules(f"{SITE}/a", lambda url: Answer(url, 302, "", location, b""))
    with pytest.raises(FetchUnavailable, match="no web page"):
        read.check(f"{SITE}/a")


@pytest.mark.parametrize(
    ("wish", "delay_s"), [("2.5", 2.5), ("60", 60), ("0", 0), ("nan", 0), ("inf", 0), ("-1", 0), ("soon", 0)]
)
def test_the_delay_that_a_host_wants_is_known(wish: str, delay_s: float) -> None:
    assert rules(f"User-agent: *\nCrawl-delay: {wish}").delay_s == delay_s


def test_a_host_that_wants_an_absurd_delay_is_left_alone() -> None:
    with pytest.raises(Disallowed, match=r"asks for 1e\+06 s between two requests, the limit is 60 s"):
        rules("User-agent: *\nCrawl-delay: 1000000").check(f"{SITE}/a")


@pytest.mark.parametrize(
    "body",
    [
        b"User-agent: *\n" + b"Disallow: /a*a*a*a*a*a*b\n" * 20_000,
        b"User-agent: *\nDisallow: /" + b"*a" * 200_000,
        b"User-agent: *\n" * 30_000,
        b"User-agent:" + b" " * 400_000 + b"/",
        b"User-agent:" * 40_000,
        b"User-agent: " + b"a" * 400_000,
        b"\0" * 500_000,
        b"\xff\xfe" * 250_000,
    ],
)
def test_a_hostile_file_costs_little(body: bytes) -> None:
    start = time.process_time()
    allows(rules(body), "/" + "a" * 8000)
    assert time.process_time() - start < 5

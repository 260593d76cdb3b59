"""What the fetcher sends, byte for byte, and what it takes for an answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.images.web import Resolver
from tests.images.wire import BODY, Wire, answer, open_wire
from visop.errors import FetchFailed, FetchUnavailable, UrlRejected
from visop.images.fetching.fetch import Fetcher

# A URL's part after the host -> the target of the request, as browsers send it. All but one are what Chromium sends: it
# encodes the | of a path, which Firefox and the standard leave as it is.
SENT = {
    "/%7Euser/%3d.jpg?x=%7e&y=%3D": "/%7Euser/%3d.jpg?x=%7e&y=%3D",
    "/a|b.jpg?c|d": "/a|b.jpg?c|d",
    "/100%.jpg?100%": "/100%.jpg?100%",
    "/%zz%u00e9?%zz": "/%zz%u00e9?%zz",
    "/a[1].jpg?b[]=1": "/a[1].jpg?b[]=1",
    "/a b.jpg?c d": "/a%20b.jpg?c%20d",
    "/a;b=c,d:e@f$g!h*i(j)'k~+": "/a;b=c,d:e@f$g!h*i(j)'k~+",
    '/a"b<c>`{d}?a"b<c>`{d}': "/a%22b%3Cc%3E%60%7Bd%7D?a%22b%3Cc%3E`{d}",
    "/?it's": "/?it%27s",
    "/bücher/本.jpg?größe=本#teil": "/b%C3%BCcher/%E6%9C%AC.jpg?gr%C3%B6%C3%9Fe=%E6%9C%AC",
    "": "/",
    "?q=1": "/?q=1",
    "/a/../b/./c//d": "/b/c//d",
    "/a/%2e%2E/b": "/b",
    "/a\\b?c\\d": "/a/b?c\\d",
    "/bucket/a%2Fb%20c+d.jpg?X-Amz-Credential=AK%2F20261128%2Fs3&X-Amz-Signature=0a+b%2Bc%3D%3d==&X-Id=GetObject": (
        "/bucket/a%2Fb%20c+d.jpg?X-Amz-Credential=AK%2F20261128%2Fs3&X-Amz-Signature=0a+b%2Bc%3D%3d==&X-Id=GetObject"
    ),
}

# The Location of a redirect from /from/here -> the target of the next request, as Chromium sends it.
LED_TO = {
    "there": "/from/there",
    "/there?a=%7e|%": "/there?a=%7e|%",
    "../there": "/there",
    "?q": "/from/here?q",
    "a b[1].jpg": "/from/a%20b[1].jpg",
    "b\xc3\xbccher": "/from/b%C3%BCcher",  # UTF-8 on the wire
    "b\xfccher": "/from/b%FCcher",  # Latin-1 on the wire
    "b\xc3\xa0": "/from/b%C3%A0",  # its last byte is a space, in Latin-1
    "\\there": "/there",
    "there\\too": "/from/there/too",
    "/signed%2Fname?sig=a+b%3D": "/signed%2Fname?sig=a+b%3D",
    " /there ": "/there",
    "/there#part": "/there",
}


@pytest.fixture
def wire() -> Iterator[Wire]:
    with open_wire() as wire:
        yield wire


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(timeout_s=10, max_bytes=1000, max_redirects=3, allow=["127.0.0.1"]) as fetcher:
        yield fetcher


@pytest.mark.parametrize("written", SENT)
def test_a_url_is_sent_as_a_browser_sends_it(fetcher: Fetcher, wire: Wire, written: str) -> None:
    assert fetcher.fetch(wire.url(written)) == BODY
    assert wire.targets == [SENT[written]]


@pytest.mark.parametrize("location", LED_TO)
def test_a_redirect_leads_where_it_leads_a_browser(fetcher: Fetcher, wire: Wire, location: str) -> None:
    wire.answers["/from/here"] = [answer(b"", "302 Found", f"Location: {location}")]
    assert fetcher.fetch(wire.url("/from/here")) == BODY
    assert wire.targets == ["/from/here", LED_TO[location]]
    told = fetcher.ask(wire.url("/from/here"), max_bytes=9, accept="*/*").redirect
    assert str(told).partition("#")[0] == wire.url(LED_TO[location])


def test_a_redirect_may_name_the_host_alone(fetcher: Fetcher, wire: Wire) -> None:
    wire.answers["/"] = [answer(b"", "301 Moved", f"Location: //127.0.0.1:{wire.port}/there%7e")]
    assert fetcher.fetch(wire.url()) == BODY
    assert wire.targets == ["/", "/there%7e"]


@pytest.mark.parametrize("location", ["\\\\127.0.0.1/", "/\\127.0.0.1/", "\\/127.0.0.1/", "//127.0.0.1\\@8.8.8.8/"])
def test_a_redirect_that_parsers_read_differently_is_refused(fetcher: Fetcher, wire: Wire, location: str) -> None:
    wire.answers["/"] = [answer(b"", "302 Found", f"Location: {location}")]
    with pytest.raises(UrlRejected):
        fetcher.fetch(wire.url())


@pytest.mark.parametrize(
    ("written", "host"), [("bücher.test", "xn--bcher-kva.test"), ("BÜCHER.Test", "xn--bcher-kva.test")]
)
def test_a_host_in_any_script_is_looked_up_and_named_in_ascii(
    wire: Wire, resolver: Resolver, written: str, host: str
) -> None:
    resolver.set(host, ["127.0.0.1"])
    with Fetcher(timeout_s=10, max_bytes=1000, max_redirects=3, allow=[host]) as fetcher:
        assert fetcher.fetch(wire.url("/", written)) == BODY
    assert wire.hosts == [f"{host}:{wire.port}"]


INTERIM = {
    "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n",
    "several": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\n\r\n",
}


@pytest.mark.parametrize("before", INTERIM.values(), ids=INTERIM)
def test_what_says_that_the_answer_will_follow_is_not_the_answer(fetcher: Fetcher, wire: Wire, before: bytes) -> None:
    wire.answers["/"] = [before + answer()]
    assert fetcher.fetch(wire.url()) == BODY
    wire.answers["/"] = [before + answer(b"", "404 Not Found")]
    assert fetcher.ask(wire.url(), max_bytes=9, accept="*/*").status == 404


@pytest.mark.parametrize("hint", [INTERIM["early-hints"], INTERIM["continue"]], ids=["103", "100"])
def test_hints_without_an_answer_end(fetcher: Fetcher, wire: Wire, hint: bytes) -> None:
    wire.answers["/"] = [hint * 1000]
    with pytest.raises(FetchUnavailable, match="connection to the remote server broke"):
        fetcher.fetch(wire.url())


def test_another_protocol_is_no_answer(fetcher: Fetcher, wire: Wire) -> None:
    wire.answers["/"] = [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"]
    with pytest.raises(FetchFailed, match="status 101"):
        fetcher.fetch(wire.url())

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.images.web import BODY, PRIVATE_SPELLINGS, Resolver, Site
from visop.errors import FetchFailed, FetchUnavailable, ImageTooLarge, UrlRejected, VisopError
from visop.images.fetching.fetch import Answer, Fetcher
from visop.images.fetching.web_url import host_of


def make(**changes: Any) -> Fetcher:
    values: dict[str, Any] = {"timeout_s": 10.0, "max_bytes": 1_000_000, "max_redirects": 3, "allow": ("127.0.0.1",)}
    return Fetcher(**(values | changes))


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    """Allowed to fetch from 127.0.0.1, where the site is."""
    with make() as fetcher:
        yield fetcher


@pytest.fixture
def strict(resolver: Resolver) -> Iterator[Fetcher]:
    """Allowed to fetch what is public, and nothing else; names are those of the test."""
    with make(allow=()) as fetcher:
        yield fetcher


# What works


def test_a_file_is_fetched(fetcher: Fetcher, site: Site) -> None:
    assert fetcher.fetch(site.url("image")) == BODY


def test_connections_are_reused(fetcher: Fetcher, site: Site) -> None:
    for _ in range(5):
        assert fetcher.fetch(site.url("image")) == BODY
    assert len(site.connections) == 1


def test_a_kept_connection_that_the_server_closed_meanwhile_is_replaced(fetcher: Fetcher, site: Site) -> None:
    for _ in range(5):
        assert fetcher.fetch(site.url("once_then_hang_up")) == BODY


def test_many_threads_share_one_fetcher(fetcher: Fetcher, site: Site) -> None:
    paths = ["image", "chain/2", "status/500", "short"] * 20
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda path: outcome(fetcher, site.url(path)), paths))
    assert results == [BODY, BODY, FetchUnavailable, FetchFailed] * 20


def outcome(fetcher: Fetcher, url: str) -> bytes | type[VisopError]:
    try:
        return fetcher.fetch(url)
    except VisopError as err:
        return type(err)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(fetcher: Fetcher, site: Site, code: int) -> None:
    assert fetcher.fetch(site.url(f"redirect?code={code}&to=/image")) == BODY


def test_redirects_are_counted(fetcher: Fetcher, site: Site) -> None:
    assert fetcher.fetch(site.url("chain/2")) == BODY
    with pytest.raises(FetchFailed, match="redirects more than 3 times"):
        fetcher.fetch(site.url("chain/3"))


def test_a_redirect_loop_ends(fetcher: Fetcher, site: Site) -> None:
    with pytest.raises(FetchFailed, match="redirects more than 3 times"):
        fetcher.fetch(site.url("loop"))
    assert len(site.requests) == 4


def test_no_redirects_may_be_asked_for(site: Site) -> None:
    with make(max_redirects=0) as fetcher, pytest.raises(FetchFailed, match="more than 0 times"):
        fetcher.fetch(site.url("chain/0"))


def test_the_body_of_a_redirect_is_not_read(fetcher: Fetcher, site: Site) -> None:
    assert fetcher.fetch(site.url("redirect_with_endless_body")) == BODY


def test_a_redirect_may_hold_spaces_and_letters_of_any_script(fetcher: Fetcher, site: Site) -> None:
    assert fetcher.fetch(site.url("redirect?to=/image/one two/ü".replace(" ", "%20"))) == BODY
    assert site.requests[-1][0] == "/image/one%20two/%C3%BC"


def test_letters_of_any_script_are_encoded(fetcher: Fetcher, site: Site) -> None:
    fetcher.fetch(site.url("image/bücher?größe=1#teil"))
    assert site.requests[-1][0] == "/image/b%C3%BCcher?gr%C3%B6%C3%9Fe=1"


def test_a_redirect_without_a_location_is_an_answer(fetcher: Fetcher, site: Site) -> None:
    with pytest.raises(FetchFailed, match="status 302"):
        fetcher.fetch(site.url("status/302"))


def test_nothing_is_sent_but_what_fetching_needs(fetcher: Fetcher, site: Site) -> None:
    fetcher.fetch(site.url("image"))
    fetcher.fetch(site.url("image"))  # the first answer set a cookie
    assert set(site.requests[-1][1]) == {"Host", "User-Agent", "Accept", "Accept-Encoding"}


def test_the_environment_is_not_asked_for_proxies_or_passwords(
    fetcher: Fetcher, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetcher.fetch(site.url("image")) == BODY
    assert "Authorization" not in site.requests[-1][1]


# What a server may answer


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 410, 418, 501, 505, 511])
def test_an_error_status_is_named(fetcher: Fetcher, site: Site, status: int) -> None:
    with pytest.raises(FetchFailed, match=f"answered with status {status}$"):
        fetcher.fetch(site.url(f"status/{status}"))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 522, 599])
def test_a_server_that_is_busy_is_unavailable_and_says_for_how_long(fetcher: Fetcher, site: Site, status: int) -> None:
    with pytest.raises(FetchUnavailable, match=f"status {status} and asks to wait 3600 s$") as caught:
        fetcher.fetch(site.url(f"status/{status}"))
    assert caught.value.retry_after_s == 3600
    assert len(site.requests) == 1  # and it is not waited for


def test_an_empty_body_is_an_error(fetcher: Fetcher, site: Site) -> None:
    with pytest.raises(FetchFailed, match="empty body"):
        fetcher.fetch(site.url("empty"))


def test_a_body_of_just_the_limit_passes(fetcher: Fetcher, site: Site) -> None:
    assert len(fetcher.fetch(site.url("size/1000000"))) == 1_000_000


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("size/1000001", "image has 1,000,001 bytes, the limit is 1,000,000"),
        ("declared/99999999999", "image has 99,999,999,999 bytes, the limit is 1,000,000"),
        ("endless", "more bytes than the limit of 1,000,000"),
        ("gzip_bomb", "more bytes than the limit of 1,000,000"),
    ],
)
def test_a_body_over_the_limit_is_refused(fetcher: Fetcher, site: Site, path: str, message: str) -> None:
    with pytest.raises(ImageTooLarge, match=message):
        fetcher.fetch(site.url(path))


def test_a_compressed_body_is_unpacked_although_it_was_not_asked_for(fetcher: Fetcher, site: Site) -> None:
    assert fetcher.fetch(site.url("gzip")) == BODY
    assert site.requests[-1][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("path", ["short", "broken_gzip"])
def test_a_damaged_answer_is_refused(fetcher: Fetcher, site: Site, path: str) -> None:
    with pytest.raises(FetchFailed, match="damaged or incomplete"):
        fetcher.fetch(site.url(path))


@pytest.mark.parametrize("path", ["hang_up", "garbage"])
def test_a_broken_connection_is_unavailable(fetcher: Fetcher, site: Site, path: str) -> None:
    with pytest.raises(FetchUnavailable, match="connection to the remote server broke"):
        fetcher.fetch(site.url(path))
    assert fetcher.fetch(site.url("image")) == BODY


def test_an_error_does_not_keep_the_body_alive(fetcher: Fetcher, site: Site) -> None:
    with pytest.raises(ImageTooLarge) as caught:
        fetcher.fetch(site.url("endless"))
    assert caught.value.__traceback__ is not None
    trace, held = caught.value.__traceback__.tb_next, []  # without this frame
    while trace is not None:
        held += [value for value in trace.tb_frame.f_locals.values() if isinstance(value, list | bytes)]
        trace = trace.tb_next
    assert not held


def test_an_error_keeps_no_connection_open(fetcher: Fetcher, site: Site) -> None:
    gc.disable()
    try:
        with pytest.raises(FetchFailed, match="damaged"):
            fetcher.fetch(site.url("two_lengths"))
        assert site.hung_up.wait(10)
    finally:
        gc.enable()


# Time


@pytest.mark.parametrize("path", ["stall", "drip_headers", "drip_body", "redirect?to=/drip_body"])
def test_one_limit_holds_for_everything_that_a_server_does(site: Site, path: str) -> None:
    with make(timeout_s=0.3) as fetcher:
        started = time.monotonic()
        with pytest.raises(FetchUnavailable, match=r"did not answer within 0\.3 s"):
            fetcher.fetch(site.url(path))
    assert time.monotonic() - started < 2


def test_the_time_of_the_caller_holds_if_it_is_shorter(fetcher: Fetcher, site: Site) -> None:
    with pytest.raises(FetchUnavailable, match=r"within 0\.2 s"):
        fetcher.fetch(site.url("drip_body"), timeout_s=0.2)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
def test_a_caller_without_time_left_gets_no_connection(fetcher: Fetcher, site: Site, timeout_s: float) -> None:
    with pytest.raises(FetchUnavailable, match="within 0 s"):
        fetcher.fetch(site.url("image"), timeout_s)
    assert not site.requests


def test_the_limit_holds_on_a_kept_connection(fetcher: Fetcher, site: Site) -> None:
    fetcher.fetch(site.url("image"))
    with pytest.raises(FetchUnavailable, match=r"within 0\.2 s"):
        fetcher.fetch(site.url("drip_headers"), timeout_s=0.2)


def test_a_slow_resolver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answer.wait() and [])
    try:
        with make(timeout_s=0.2) as fetcher, pytest.raises(FetchUnavailable, match=r"within 0\.2 s"):
            fetcher.fetch("http://slow.example/")
    finally:
        answer.set()


def test_a_server_that_does_not_shake_hands_is_not_waited_for() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, make(timeout_s=0.3) as fetcher, pytest.raises(FetchUnavailable, match=r"within 0\.3 s"):
        fetcher.fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_port_that_nobody_listens_on_is_unavailable(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FetchUnavailable, match="could not be reached"):
        fetcher.fetch(f"http://127.0.0.1:{port}/")


def test_a_name_that_does_not_resolve_is_unavailable(strict: Fetcher) -> None:
    with pytest.raises(FetchUnavailable, match="does not resolve"):
        strict.fetch("http://no-such-name.example/")


def test_a_dead_address_leaves_time_for_the_next_one(
    site: Site, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []

    def connect(sock: socket.socket, address: Any) -> None:
        waits.append(sock.gettimeout())
        if address[0] == "127.0.0.2":
            raise TimeoutError
        socket.socket.connect(sock, address)

    monkeypatch.setattr("visop.images.fetching.fetch._Socket.connect", connect)
    resolver.set("images.test", ["127.0.0.2", "127.0.0.1"])
    with make(timeout_s=10, allow=("images.test",)) as fetcher:
        assert fetcher.fetch(site.url("image", "images.test")) == BODY
    assert waits == pytest.approx([5, 10], abs=1)


# TLS


@pytest.fixture
def trusting(certificate: Path, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetcher]:
    """Trusts the test's certificate, the way that a company's own authority is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    resolver.set("images.test", ["127.0.0.1"])
    resolver.set("other.test", ["127.0.0.1"])
    with make() as fetcher:
        yield fetcher


def test_tls_and_http_see_the_name_of_the_url(trusting: Fetcher, tls_site: Site) -> None:
    assert trusting.fetch(tls_site.url("image", "images.test")) == BODY
    assert tls_site.server_names == ["images.test"]
    assert tls_site.requests[0][1]["Host"] == f"images.test:{tls_site.server_port}"


def test_tls_connections_are_reused(trusting: Fetcher, tls_site: Site) -> None:
    for _ in range(3):
        trusting.fetch(tls_site.url("image", "images.test"))
    assert len(tls_site.connections) == 1


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
def test_a_certificate_of_another_name_is_refused(trusting: Fetcher, tls_site: Site, host: str) -> None:
    with pytest.raises(FetchFailed, match="could not establish a trusted TLS connection"):
        trusting.fetch(tls_site.url("image", host))


def test_a_certificate_that_nobody_trusts_is_refused(tls_site: Site, resolver: Resolver) -> None:
    resolver.set("images.test", ["127.0.0.1"])
    with make() as fetcher, pytest.raises(FetchFailed, match="could not establish a trusted TLS connection"):
        fetcher.fetch(tls_site.url("image", "images.test"))
    assert not tls_site.requests


def test_a_server_without_tls_is_refused(fetcher: Fetcher, site: Site) -> None:
    with pytest.raises(FetchFailed, match="could not establish a trusted TLS connection"):
        fetcher.fetch(site.url("image").replace("http:", "https:"))


@pytest.mark.parametrize("path", ["drip_headers", "drip_body", "stall"])
def test_the_limit_on_time_holds_over_tls(trusting: Fetcher, tls_site: Site, path: str) -> None:
    with pytest.raises(FetchUnavailable, match=r"within 0\.3 s"):
        trusting.fetch(tls_site.url(path, "images.test"), timeout_s=0.3)


# One request, for a crawler


def test_an_answer_is_told_with_its_status_type_and_body(fetcher: Fetcher, site: Site) -> None:
    url = site.url("image")
    assert fetcher.ask(url + "#part", max_bytes=100, accept="text/html") == Answer(url, 200, "", None, BODY)
    assert site.requests[-1][1]["Accept"] == "text/html"
    assert fetcher.ask(site.url("status/503"), max_bytes=100, accept="*/*").status == 503


def test_a_redirect_is_told_and_not_followed(fetcher: Fetcher, site: Site) -> None:
    answer = fetcher.ask(site.url("redirect?to=//127.0.0.2/a"), max_bytes=100, accept="*/*")
    assert (answer.status, answer.redirect, answer.body) == (302, "http://127.0.0.2/a", b"")
    assert len(site.requests) == 1


@pytest.mark.parametrize("path", ["endless", "gzip_bomb", "size/100000"])
def test_the_beginning_of_a_long_answer_is_read(fetcher: Fetcher, site: Site, path: str) -> None:
    assert len(fetcher.ask(site.url(path), max_bytes=1000, accept="*/*").body) == 1000


@pytest.mark.parametrize("path", ["drip_headers", "drip_body", "stall"])
def test_one_request_has_the_limit_on_time(site: Site, path: str) -> None:
    with make(timeout_s=0.3) as fetcher, pytest.raises(FetchUnavailable, match=r"within 0\.3 s"):
        fetcher.ask(site.url(path), max_bytes=1000, accept="*/*")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]/", "file:///etc/passwd", "http://user@8.8.8.8/"])
def test_one_request_goes_only_where_all_may_go(strict: Fetcher, url: str) -> None:
    with pytest.raises(UrlRejected):
        strict.ask(url, max_bytes=1000, accept="*/*")


# Addresses that are not public, in every spelling


@pytest.mark.parametrize("host", PRIVATE_SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_not_public_is_refused_in_every_spelling(strict: Fetcher, scheme: str, host: str) -> None:
    with pytest.raises(UrlRejected):
        strict.fetch(f"{scheme}://{host}/latest/meta-data/")


@pytest.mark.parametrize(
    "url",
    [
        "http://user@8.8.8.8/",
        "http://user:password@8.8.8.8/",
        "http://@8.8.8.8/",
        "http://:@8.8.8.8/",
        "http://8.8.8.8@127.0.0.1/",
        "http://127.0.0.1@8.8.8.8/",
        "http://8.8.8.8:80@127.0.0.1:80/",
        "http://8.8.8.8%40127.0.0.1/",
        "http://8.8.8.8\\@127.0.0.1/",
        "http://127.0.0.1\\@8.8.8.8/",
        "http://127.0.0.1#@8.8.8.8/",
        "http://127.0.0.1?@8.8.8.8/",
        "http://127.0.0.1/@8.8.8.8/",
        "http://127.0.0.1:80#8.8.8.8/",
        "http://127.0.0.1;8.8.8.8/",
        "http://8.8.8.8,127.0.0.1/",
        "http://127.0.0.1%00.example/",
        "http://127.0.0.1%0d%0aHost:x/",
        "http://8.8.8.8 .127.0.0.1/",
        "http://8.8.8.8\t/",
        "http://8.8.8.8/\r\nX: y",
        "http://8.8.8.8/\x00",
        " http://8.8.8.8/",
        "http://8.8.8.8/\n",
        "\thttp://8.8.8.8/",
        "http://8.8.8.8:0/",
        "http://8.8.8.8:65536/",
        "http://8.8.8.8:-1/",
        "http://8.8.8.8:80a/",
        "http://8.8.8.8:99999999999999999999/",
        "http://",
        "http:///path",
        "http://:80/",
        "http:8.8.8.8/",
        "http:/8.8.8.8/",
        "http://[/",
        "http://]/",
        "http://[]/",
        "http://[8.8.8.8]/",
        "http://[::1/",
        "http://[v1.a]/",
        "http://[::1]@8.8.8.8/",
        "http://*.example/",
        "http://.example/",
        "http://-/",
        "http://" + "a" * 300 + ".example/",
        "http://8.8.8.8/" + "a" * 9000,
        "//8.8.8.8/",
        "8.8.8.8/",
        "example",
        "",
        "file:///etc/passwd",
        "file://8.8.8.8/etc/passwd",
        "FILE:///etc/passwd",
        "gopher://8.8.8.8/_x",
        "ftp://8.8.8.8/a.jpg",
        "dict://8.8.8.8:11211/",
        "ldap://8.8.8.8/",
        "jar:http://8.8.8.8!/",
        "data:image/png;base64,QUJD",
        "javascript:alert(1)",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "ws://8.8.8.8/",
        "httpx://8.8.8.8/",
        "ｈttp://8.8.8.8/",
        "http：//8.8.8.8/",
    ],
)
def test_a_url_of_another_form_is_refused_before_anything_is_looked_up(
    strict: Fetcher, resolver: Resolver, url: str
) -> None:
    with pytest.raises(UrlRejected):
        strict.fetch(url)
    assert set(resolver.asked) <= {"127.0.0.1"}


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "2606:4700::1111", "fd00::1"],
        ["8.8.8.8", "8.8.4.4", "100.64.0.1"],
    ],
    ids=", ".join,
)
def test_a_name_is_refused_if_any_of_its_addresses_is_not_public(
    strict: Fetcher, resolver: Resolver, addresses: list[str]
) -> None:
    resolver.set("innocent.example", addresses)
    with pytest.raises(UrlRejected, match="not public"):
        strict.fetch("http://innocent.example/a.jpg")


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    site: Site, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: the name leads elsewhere when it is asked again. It is not."""
    asked_for: list[Any] = []

    def connect(sock: socket.socket, address: Any) -> None:
        asked_for.append(address)
        socket.socket.connect(sock, ("127.0.0.1", site.server_port))  # there is no public internet in a test

    monkeypatch.setattr("visop.images.fetching.fetch._Socket.connect", connect)
    resolver.set("rebinding.example", ["8.8.8.8"], ["127.0.0.1"])
    with make(allow=()) as fetcher:
        assert fetcher.fetch(site.url("image", "rebinding.example")) == BODY
    assert asked_for == [("8.8.8.8", site.server_port)]
    assert resolver.asked == ["rebinding.example"]


def test_a_name_is_checked_again_for_every_connection(site: Site, resolver: Resolver) -> None:
    resolver.set("images.test", ["127.0.0.1"], ["127.0.0.2"])
    with make(allow=("127.0.0.1",)) as fetcher:
        fetcher.fetch(site.url("once_then_hang_up", "images.test"))
        with pytest.raises(UrlRejected):
            fetcher.fetch(site.url("image", "images.test"))
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/",
        "//127.0.0.2/",
        "https://169.254.169.254/latest/",
        "http://[::1]/",
        "http://2130706434/",
        "http://private.example/",
        "http://user:password@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "data:image/png;base64,QUJD",
        "http://127.0.0.1%5C@127.0.0.2/",
    ],
)
@pytest.mark.parametrize("hops", [1, 2])
def test_a_redirect_is_checked_like_the_first_url(
    fetcher: Fetcher, site: Site, resolver: Resolver, location: str, hops: int
) -> None:
    resolver.set("private.example", ["10.0.0.1"])
    path = f"redirect?to={location}"
    if hops == 2:
        path = "redirect?to=" + site.url(path).replace("%", "%25").replace("?", "%3F").replace("=", "%3D")
    with pytest.raises(UrlRejected):
        fetcher.fetch(site.url(path))
    assert len(site.requests) == hops


@pytest.mark.parametrize("location", ["http://[", "http://[::1", "\x80\xff:/"])
def test_a_redirect_to_nonsense_is_an_error_of_ours(fetcher: Fetcher, site: Site, location: str) -> None:
    with pytest.raises(VisopError):
        fetcher.fetch(site.url(f"redirect?to={location}"))


# The allow-list


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "images.test", "IMAGES.test", "*.test"])
def test_what_is_on_the_list_may_be_fetched_although_it_is_private(site: Site, resolver: Resolver, entry: str) -> None:
    resolver.set("images.test", ["127.0.0.1"])
    with make(allow=(entry,)) as fetcher:
        assert fetcher.fetch(site.url("image", "images.test")) == BODY


@pytest.mark.parametrize("entry", ["127.0.0.2", "10.0.0.0/8", "other.test", "*.images.test", "test", "::1"])
def test_what_is_not_on_the_list_may_not(site: Site, resolver: Resolver, entry: str) -> None:
    resolver.set("images.test", ["127.0.0.1"])
    with make(allow=(entry,)) as fetcher, pytest.raises(UrlRejected, match="not public"):
        fetcher.fetch(site.url("image", "images.test"))
    assert not site.requests


# What is told


@pytest.mark.parametrize(
    "path", ["status/404", "short", "hang_up", "endless", "stall", "loop", "redirect?to=file:///secret"]
)
def test_neither_errors_nor_logs_hold_the_path_or_query_of_a_url(
    site: Site, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with make(timeout_s=0.3) as fetcher, pytest.raises(VisopError) as caught:
        fetcher.fetch(site.url(path) + ("&" if "?" in path else "?") + "token=secret")
    assert "secret" not in str(caught.value)
    assert str(site.server_port) not in str(caught.value)
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "url", ["http://user:secret@8.8.8.8/", "secret:x", "http://8.8.8.8/?secret ", "http://secret/"]
)
def test_a_refused_url_is_not_repeated(strict: Fetcher, url: str) -> None:
    with pytest.raises(VisopError) as caught:
        strict.fetch(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Example.org./a.jpg", "example.org"),
        ("https://EXAMPLE.org:8443/?http://other.example", "example.org"),
        ("http://[2001:DB8::0:1]/a", "[2001:db8::1]"),
        ("http://2130706433/a", "127.0.0.1"),
        ("http://user@example.org/", ""),
        ("ftp://example.org/", ""),
        ("", ""),
    ],
)
def test_one_host_counts_as_one_however_it_is_spelled(url: str, host: str) -> None:
    assert host_of(url) == host

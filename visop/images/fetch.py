"""Guarded URL -> bytes. The only module that opens outgoing sockets.

A URL comes from a stranger, so three things are held at the socket, below all that parses, redirects and retries. The
address that is connected to is the address that was checked: one look-up, and no second one to race. It is checked for
every connection, so on every redirect; a pooled connection was checked when it was opened. And no wait of any socket
ends later than the fetch it serves, so a server that drips one byte at a time gains nothing.

This is ``requests``' transport adapter on urllib3 with connection classes of our own, and no ``requests.Session``: so
no cookies, no netrc, no proxies from the environment, and not the session's redirect code, which reads the body of a
redirect whole, whatever its size. Of the ready-made guards, Advocate (archived since 2023) and ssrfguard check in the
same place, and safehttpx asks a fixed public resolver; each would replace ``_connect`` and ``addresses.py``, and leave
the limits on time and size to us.
"""

from __future__ import annotations

import logging
import queue
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from ipaddress import ip_address
from re import compile as regex
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import SSLError
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from visop.errors import FetchFailed, FetchUnavailable, ImageTooLarge, UrlRejected, VisopError
from visop.images.addresses import AllowList, is_public
from visop.settings import Settings

_MAX_URL_CHARS = 8192
_CHUNK_BYTES = 64 * 1024

# Idle connections that are kept: of this many hosts, this many each.
_POOL_HOSTS, _POOL_SIZE = 8, 32

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"User-Agent": "visop", "Accept-Encoding": "identity"}
_ACCEPT = "image/*,*/*;q=0.1"

# Where parsers disagree is where guards are passed by; an honest URL percent-encodes all of these.
_AMBIGUOUS = regex(r"[\x00-\x20\x7f\\]")
_USERINFO = regex(r"[^/]*//[^/?#]*@")
_HOST = regex(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class Answer:
    """What a server answered to one request.

    Attributes:
        url: what was asked, in the form in which it was sent.
        status: of HTTP.
        content_type: the header as it came; empty if there was none.
        redirect: where the server says that the file is, as an absolute URL that nobody has checked yet.
        body: of a status 2xx the beginning of the body, else empty.
    """

    url: str
    status: int
    content_type: str
    redirect: str | None
    body: bytes


class Fetcher:
    """Fetches image files. A context manager; thread-safe, and meant to be shared so that connections are reused.

    Args:
        timeout_s: longest time for one URL in seconds: look-up, redirects, headers and body together.
        max_bytes: largest body, counted after decompression.
        max_redirects: redirects followed for one URL.
        allow: hosts, ``*.domain``, addresses and networks that may be fetched although they are not public.
    """

    def __init__(self, *, timeout_s: float, max_bytes: int, max_redirects: int, allow: Sequence[str] = ()) -> None:
        self._timeout_s, self._max_bytes, self._max_redirects = timeout_s, max_bytes, max_redirects
        self._allow = AllowList.parse(allow)
        self._adapter = _CheckedAdapter()
        # Down to its debug lines it logs whole URLs, which may hold tokens.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    @classmethod
    def of(cls, settings: Settings) -> Fetcher:
        """A fetcher with the limits that the settings ask for."""
        return cls(
            timeout_s=settings.fetch_timeout_s,
            max_bytes=settings.max_image_bytes,
            max_redirects=settings.max_redirects,
            allow=settings.fetch_allow,
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def fetch(self, url: str, timeout_s: float | None = None) -> bytes:
        """Download one file.

        Args:
            url: http or https, without user and password.
            timeout_s: the caller's remaining time in seconds; our own limit holds if it is shorter.

        Raises:
            UrlRejected: the form, scheme or address of the URL, or of a redirect, is not allowed.
            ImageTooLarge: the body is over the limit.
            FetchFailed: an error status, too many redirects, no valid TLS, an empty or damaged body.
            FetchUnavailable: no such name, no connection, or no time left.
        """
        limit_s = self._timeout_s if timeout_s is None else max(0.0, min(self._timeout_s, timeout_s))
        with self._attempted(limit_s):
            return self._follow(url)

    def ask(self, url: str, *, max_bytes: int, accept: str) -> Answer:
        """Send one request and follow nothing: for a crawler, which has rules of its own for every hop.

        Args:
            url: as for ``fetch``.
            max_bytes: where the body is cut off, counted after decompression.
            accept: media types, as the HTTP header has them.

        Raises:
            UrlRejected: the form, scheme or address of the URL is not allowed.
            FetchFailed: no valid TLS, a damaged body.
            FetchUnavailable: no such name, no connection, or no time left.
        """
        with self._attempted(self._timeout_s):
            url = _canonical(url)
            with closing(self._get(url, accept)) as response:
                status, kind = response.status_code, response.headers.get("Content-Type", "")
                body = _beginning(response, max_bytes) if 200 <= status < 300 else b""
                return Answer(url, status, kind, _redirect(url, response), body)

    @contextmanager
    def _attempted(self, limit_s: float) -> Iterator[None]:
        """What every request runs in: the rules for its sockets, and the translation of what libraries raise."""
        attempt = _Attempt(self._allow, limit_s, time.monotonic() + limit_s)
        token = _attempt.set(attempt)
        try:
            yield
        except VisopError as err:
            _forget_locals(err)
            raise
        except (OSError, HTTPError, HTTPException, ValueError) as err:  # what requests, urllib3 and http.client raise
            _forget_locals(err)
            raise _translate(err, attempt) from err
        finally:
            _attempt.reset(token)

    def _follow(self, url: str) -> bytes:
        for _ in range(self._max_redirects + 1):
            url = _canonical(url)
            with closing(self._get(url, _ACCEPT)) as response:
                if (target := _redirect(url, response)) is None:
                    return self._body(response)
                url = target
        raise FetchFailed(f"the remote server redirects more than {self._max_redirects} times")

    def _get(self, url: str, accept: str) -> requests.Response:
        request = requests.Request("GET", url, _HEADERS | {"Accept": accept}).prepare()
        return self._adapter.send(request, stream=True, timeout=_attempt.get().time_left())

    def _body(self, response: requests.Response) -> bytes:
        if not 200 <= response.status_code < 300:
            raise FetchFailed(f"the remote server answered with status {response.status_code}")
        if (declared := response.raw.length_remaining or 0) > self._max_bytes:
            raise ImageTooLarge(f"image has {declared:,} bytes, the limit is {self._max_bytes:,}")
        chunks, size = [], 0
        for chunk in response.iter_content(_CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                raise ImageTooLarge(f"image has more bytes than the limit of {self._max_bytes:,}")
        if not size:
            raise FetchFailed("the remote server answered with an empty body")
        return b"".join(chunks)


def _redirect(url: str, response: requests.Response) -> str | None:
    """Where an answer leads; None if it is one itself."""
    location = response.headers.get("Location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    # http.client reads headers as Latin-1; servers send UTF-8, and spaces.
    return urljoin(url, location.encode("latin-1").decode("utf-8", "replace").strip().replace(" ", "%20"))


def _beginning(response: requests.Response, max_bytes: int) -> bytes:
    """The first bytes of a body, and no waiting for the rest."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


def _canonical(url: str) -> str:
    """Check a URL's form and write it anew, so that every later parser reads the same scheme, host and port.

    Raises:
        UrlRejected: names what is wrong, without the URL: it may hold credentials.
    """
    if len(url) > _MAX_URL_CHARS:
        raise UrlRejected(f"URL has {len(url):,} characters, the limit is {_MAX_URL_CHARS:,}")
    if _AMBIGUOUS.search(url):
        raise UrlRejected("URL holds a space, a control character or a backslash that is not percent-encoded")
    try:
        parts = parse_url(url)
    except (LocationParseError, ValueError):
        raise UrlRejected("URL is not well-formed") from None
    if parts.scheme not in ("http", "https"):
        raise UrlRejected("URL is of a scheme that is not allowed (allowed: http, https)")
    if _USERINFO.match(url):
        raise UrlRejected("URL holds a user name or password, which is not allowed")
    if not parts.host or not _HOST.fullmatch(parts.host) or parts.port == 0:
        raise UrlRejected("URL has no valid host and port")
    return Url(parts.scheme, None, parts.host, parts.port, parts.path or "/", parts.query).url


def _translate(err: Exception, attempt: _Attempt) -> VisopError:
    """A library's error as one of ours, without its words."""
    if attempt.is_over():
        return attempt.too_slow()
    if isinstance(err, SSLError):  # not for another try: a wrong certificate stays wrong
        return FetchFailed("no trusted TLS connection to the remote server could be made")
    if isinstance(err, RequestsConnectionError):
        return FetchUnavailable("the connection to the remote server broke")
    return FetchFailed("the remote server sent a damaged or incomplete answer")


def _forget_locals(err: Exception) -> None:
    """Let go of the body read so far: an error lives as long as its request, which may have hundreds of them."""
    traceback.clear_frames(err.__traceback__)


@dataclass(frozen=True)
class _Attempt:
    """One call of ``fetch``: what its sockets may connect to, and when they stop waiting."""

    allow: AllowList
    limit_s: float
    ends: float

    def is_over(self) -> bool:
        return time.monotonic() >= self.ends

    def time_left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise self.too_slow()
        return left

    def too_slow(self) -> FetchUnavailable:
        return FetchUnavailable(f"the remote server did not answer within {self.limit_s:.3g} s")


# The attempt that the running thread works on. It reaches the sockets past urllib3, which has no way to hand it down.
_attempt: ContextVar[_Attempt] = ContextVar("visop_fetch_attempt")


class _Socket(socket.socket):
    """Waits for data no longer than the attempt lasts; urllib3's own read timeout starts anew with every byte."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_attempt.get().time_left())
        return super().recv_into(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    """The same over TLS. A handshake waits for its timeout once, not per byte."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_attempt.get().time_left())
        return super().recv_into(*args, **kwargs)


class _CheckedConnection(HTTPConnection):
    """Opens its socket through ``_connect``. Host and SNI stay the name in the URL."""

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _CheckedTlsConnection(_CheckedConnection, HTTPSConnection):
    """The same over TLS."""


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTlsConnection


class _CheckedAdapter(HTTPAdapter):
    """requests' transport over checked connections."""

    def __init__(self) -> None:
        # One more try, for a kept connection that the server closed meanwhile. Not for a status, and never the wait
        # that a Retry-After header asks for.
        retry = Retry(1, connect=0, read=1, redirect=0, status=0, other=0, respect_retry_after_header=False)
        super().__init__(_POOL_HOSTS, _POOL_SIZE, max_retries=retry)

        self.poolmanager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedTlsPool}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, options = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            options["ssl_context"] = self._tls_context
        return host, options

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the context verifies. requests would load its certificates again for every connection."""

    @cached_property
    def _tls_context(self) -> ssl.SSLContext:
        """Trusts the system's authorities (a company's own, ``SSL_CERT_FILE``) and, where it has none, certifi's."""
        context = ssl.create_default_context()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        context.sslsocket_class = _TlsSocket
        return context


def _connect(host: str, port: int) -> socket.socket:
    """Look a host up once, check every address, and connect to one of them.

    Raises:
        UrlRejected: one of the addresses is not public and not allowed.
        FetchUnavailable: no address, or none that answers.
    """
    attempt = _attempt.get()
    targets = _resolve(host, port, attempt)
    if not attempt.allow.has_host(host):
        for _, sockaddr in targets:
            address = ip_address(sockaddr[0])
            if not is_public(address) and not attempt.allow.has_address(address):
                raise UrlRejected("URL leads to an address that is not public, and not on the allow-list")
    for index, (family, sockaddr) in enumerate(targets):
        try:
            # A dead address leaves time for the next one.
            return _open(family, sockaddr, attempt.time_left() / (len(targets) - index))
        except OSError:
            continue
    raise FetchUnavailable("the remote server could not be reached")


def _open(family: int, sockaddr: tuple[Any, ...], timeout_s: float) -> socket.socket:
    sock = _Socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(sockaddr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(_attempt.get().time_left())  # what a TLS handshake has
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(host: str, port: int, attempt: _Attempt) -> list[tuple[int, tuple[Any, ...]]]:
    """Look a host up, for no longer than the attempt lasts.

    ``getaddrinfo`` cannot be given a time, so it runs in a thread that is left behind when it takes too long. Such a
    thread ends when the system's resolver gives up (in glibc 5 s x 2 tries for each name server), and never keeps the
    process from ending.

    Returns:
        (address family, socket address) of every answer, without repetition, in the system's order of preference.
    """
    answers: queue.SimpleQueue[list[tuple[int, tuple[Any, ...]]]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # UnicodeError: a label of more than 63 characters
            found = []
        answers.put(list(dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found)))

    threading.Thread(target=look_up, name="visop-resolve", daemon=True).start()
    try:
        targets = answers.get(timeout=attempt.time_left())
    except queue.Empty:
        raise attempt.too_slow() from None
    if not targets:
        raise FetchUnavailable("the name of the remote server does not resolve")
    return targets

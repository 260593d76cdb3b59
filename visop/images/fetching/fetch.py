"""Download files from untrusted URLs over HTTP.

Only this module may connect sockets or import ``requests`` and ``urllib3``; tests/test_architecture.py checks it.
URLs come from strangers, so three rules are enforced at the socket, below all parsing, redirects and retries:

- The address that is connected to is the one that was checked. The name is resolved once, so there is no second lookup
  to race (DNS rebinding).
- Every new connection is checked, so every redirect is; a pooled connection was checked when it was opened.
- No socket waits beyond the end of its fetch, so a server cannot hold a thread by sending one byte at a time.

The code uses the transport adapter of ``requests`` on urllib3 with its own connection classes, and no
``requests.Session``: there are no cookies, no netrc, no proxies from the environment, and none of the session's
redirect code, which reads the whole body of a redirect, whatever its size. Of the existing libraries against SSRF,
Advocate (archived since 2023) and ssrfguard check at the same place, and safehttpx queries a fixed public resolver;
each would replace ``_connect`` and ``addresses.py``, but not the limits on time and size.
"""

from __future__ import annotations

import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException, HTTPResponse, parse_headers
from ipaddress import ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import SSLError
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from visop.errors import FetchFailed, FetchUnavailable, ImageTooLarge, VisopError, drop_locals
from visop.images.fetching.addresses import AllowList, refuse_private
from visop.images.fetching.retry_after import retry_after_s
from visop.images.fetching.web_url import canonical, redirect_target
from visop.settings import Settings

_CHUNK_BYTES = 64 * 1024

# Idle connections that are kept: for this many hosts, this many each.
_POOL_HOSTS, _POOL_SIZE = 8, 32

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"User-Agent": "visop", "Accept-Encoding": "identity"}
_ACCEPT = "image/*,*/*;q=0.1"

# Answers that say that the answer will follow, such as 103 Early Hints (RFC 9110, 15.2): so many are read over.
_MAX_INTERIM = 20
_SWITCHING_PROTOCOLS = 101

# Statuses after which the same request may succeed, and how long to wait where the server does not say. Of the errors
# of a server (5xx), these are no matter of time: 501 Not Implemented, 505 HTTP Version Not Supported, 511 Network
# Authentication Required.
_TEMPORARY = frozenset({408, 425, 429, *range(500, 600)} - {501, 505, 511})
_WAIT_S = 1.0


@dataclass(frozen=True)
class Answer:
    """A server's answer to one request.

    Attributes:
        url: the URL that was requested, in the form in which it was sent.
        status: the HTTP status.
        content_type: the header as received; empty if there was none.
        redirect: the target of a redirect as an absolute URL, not yet checked, or as the server wrote it if it is no
            usable URL; None if the answer is no redirect.
        body: the beginning of the body for a status of 2xx, else empty.
        retry_after_s: seconds that the server asks to wait; None if it does not.
    """

    url: str
    status: int
    content_type: str
    redirect: str | None
    body: bytes
    retry_after_s: float | None = None


class Fetcher:
    """Fetch image files. A context manager; thread-safe, and meant to be shared so that connections are reused.

    Args:
        timeout_s: limit on the time for one URL in seconds, for name lookup, redirects, headers and body together.
        max_bytes: limit on the body, counted after decompression.
        max_redirects: limit on the redirects that are followed for one URL.
        allow: hosts, ``*.domain``, addresses and networks that may be fetched even though they are not public.
    """

    def __init__(self, *, timeout_s: float, max_bytes: int, max_redirects: int, allow: Sequence[str] = ()) -> None:
        self._timeout_s, self._max_bytes, self._max_redirects = timeout_s, max_bytes, max_redirects
        self._allow = AllowList.parse(allow)
        self._adapter = _CheckedAdapter()
        # urllib3 logs URLs, which may contain tokens.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    @classmethod
    def of(cls, settings: Settings) -> Fetcher:
        """Create a fetcher with the limits from the settings."""
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
            url: an http or https URL without user name and password.
            timeout_s: the caller's remaining time in seconds; the fetcher's own limit applies if it is shorter.

        Raises:
            UrlRejected: the form, scheme or address of the URL, or of a redirect, is not allowed.
            ImageTooLarge: the body exceeds ``max_bytes``.
            FetchFailed: the server answered with an error status, too many redirects, invalid TLS, or an empty or
                damaged body.
            FetchUnavailable: the name does not resolve, the connection failed, the time is up, or the server answered
                that it cannot serve the request now, such as 429 or 503.
        """
        limit_s = self._timeout_s if timeout_s is None else max(0.0, min(self._timeout_s, timeout_s))
        with self._attempted(limit_s):
            return self._follow(url)

    def ask(self, url: str, *, max_bytes: int, accept: str) -> Answer:
        """Send one request without following redirects, for a crawler, which applies its own rules to every hop.

        Args:
            url: as for ``fetch``.
            max_bytes: the body is truncated to this size, counted after decompression.
            accept: media types, in the syntax of the HTTP header.

        Raises:
            UrlRejected: the form, scheme or address of the URL is not allowed.
            FetchFailed: TLS was invalid or the body damaged.
            FetchUnavailable: the name does not resolve, the connection failed, or the time is up.
        """
        with self._attempted(self._timeout_s):
            url = canonical(url)
            with closing(self._get(url, accept)) as response:
                status, kind = response.status_code, response.headers.get("Content-Type", "")
                body = _beginning(response, max_bytes) if 200 <= status < 300 else b""
                wait_s = retry_after_s(response.headers)
                return Answer(url, status, kind, _redirect(url, response), body, wait_s)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a body to a URL, for a webhook; return the status of the answer. Redirects are not followed.

        Args:
            url: as for ``fetch``.
            body: what is sent.
            headers: with its Content-Type.

        Raises:
            UrlRejected, FetchFailed, FetchUnavailable: as ``ask``.
        """
        with self._attempted(self._timeout_s):
            request = self._prepared("POST", canonical(url), dict(headers))
            request.prepare_body(body, None)
            with closing(self._send(request)) as response:
                return response.status_code

    @contextmanager
    def _attempted(self, limit_s: float) -> Iterator[None]:
        """Apply the address rules and the deadline to the sockets of the block, and translate what libraries raise."""
        attempt = _Attempt(self._allow, limit_s, time.monotonic() + limit_s)
        token = _attempt.set(attempt)
        try:
            yield
        except VisopError as error:
            drop_locals(error)
            raise
        except (OSError, HTTPError, HTTPException, ValueError) as error:  # from requests, urllib3 and http.client
            drop_locals(error)
            raise _translate(error, attempt) from error
        finally:
            _attempt.reset(token)

    def _follow(self, url: str) -> bytes:
        for _ in range(self._max_redirects + 1):
            url = canonical(url)
            with closing(self._get(url, _ACCEPT)) as response:
                if (target := _redirect(url, response)) is None:
                    return self._body(response)
                url = target
        raise FetchFailed(f"the remote server redirects more than {self._max_redirects} times")

    def _get(self, url: str, accept: str) -> requests.Response:
        return self._send(self._prepared("GET", url, {"Accept": accept}))

    def _prepared(self, method: str, url: str, headers: Mapping[str, str]) -> requests.PreparedRequest:
        _attempt.get().target = url[url.index("/", len("https://")) :]
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_headers({**_HEADERS, **headers})
        request.url = url  # not ``prepare_url``, which rewrites it
        return request

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        return self._adapter.send(request, stream=True, timeout=_attempt.get().time_left())

    def _body(self, response: requests.Response) -> bytes:
        if not 200 <= response.status_code < 300:
            raise _refusal(response.status_code, retry_after_s(response.headers))
        if (declared := response.raw.length_remaining or 0) > self._max_bytes:
            raise ImageTooLarge(f"image has {declared:,} bytes, the limit is {self._max_bytes:,} (OP_MAX_IMAGE_BYTES)")
        chunks, size = [], 0
        for chunk in response.iter_content(_CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                raise ImageTooLarge(f"image has more bytes than the limit of {self._max_bytes:,} (OP_MAX_IMAGE_BYTES)")
        if not size:
            raise FetchFailed("the remote server answered with an empty body")
        return b"".join(chunks)


def _refusal(status: int, asked_s: float | None) -> VisopError:
    text = f"the remote server answered with status {status}"
    if status not in _TEMPORARY:
        return FetchFailed(text)
    if asked_s:
        text += f" and asks to wait {asked_s:g} s"
    return FetchUnavailable(text, asked_s or _WAIT_S)


def _redirect(url: str, response: requests.Response) -> str | None:
    """Return the absolute URL that an answer redirects to; None if it is not a redirect."""
    location = response.headers.get("Location")
    return redirect_target(location, url) if location and response.status_code in _REDIRECTS else None


def _beginning(response: requests.Response, max_bytes: int) -> bytes:
    """Read at most ``max_bytes`` of a body, without waiting for the rest."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


def _translate(error: Exception, attempt: _Attempt) -> VisopError:
    """Turn a library's error into one of ours, without repeating its text."""
    if attempt.is_over():
        return attempt.too_slow()
    if isinstance(error, SSLError):  # not FetchUnavailable: trying again does not fix a certificate
        return FetchFailed("could not establish a trusted TLS connection to the remote server")
    if isinstance(error, RequestsConnectionError):
        return FetchUnavailable("the connection to the remote server broke")
    return FetchFailed("the remote server sent a damaged or incomplete answer")


@dataclass
class _Attempt:
    """The rules of one call of ``fetch`` or ``ask``.

    Attributes:
        allow: addresses that may be contacted even though they are not public.
        limit_s: the time limit in seconds, for the message.
        ends: the deadline, on the clock of ``time.monotonic``.
        target: the path and query of the request that is being sent, byte for byte.
    """

    allow: AllowList
    limit_s: float
    ends: float
    target: str = "/"

    def is_over(self) -> bool:
        return time.monotonic() >= self.ends

    def time_left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise self.too_slow()
        return left

    def too_slow(self) -> FetchUnavailable:
        return FetchUnavailable(f"the remote server did not answer within {self.limit_s:.3g} s")


# The attempt of the running thread. A context variable, because urllib3 offers no way to pass it down to the sockets.
_attempt: ContextVar[_Attempt] = ContextVar("visop_fetch_attempt")


class _Socket(socket.socket):
    """A socket that stops waiting for data when the attempt ends; urllib3's read timeout restarts with every byte."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_attempt.get().time_left())
        return super().recv_into(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    """The same over TLS. The timeout of a handshake covers all of it, so it needs no extra code."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_attempt.get().time_left())
        return super().recv_into(*args, **kwargs)


class _FinalResponse(HTTPResponse):
    """Reads over what is not the answer yet: every status of 1xx but one, where http.client knows 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # http.client calls it in ``begin``
            if status == _SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            parse_headers(self.fp)
        raise HTTPException("no final answer")


class _CheckedConnection(HTTPConnection):
    """A connection that opens its socket with ``_connect``. The Host header and SNI keep the name in the URL."""

    response_class = _FinalResponse

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Begin a request for the attempt's target: urllib3 has rewritten ``url``, such as ``%3d`` to ``%3D``."""
        super().putrequest(method, _attempt.get().target, *args, **kwargs)

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _CheckedTlsConnection(_CheckedConnection, HTTPSConnection):
    """The same connection over TLS."""


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTlsConnection


class _CheckedAdapter(HTTPAdapter):
    """The transport adapter of ``requests``, over checked connections."""

    def __init__(self) -> None:
        # One retry, for an idle connection that the server has closed. A status causes no retry, and a Retry-After
        # header is ignored.
        retry = Retry(1, connect=0, read=1, redirect=0, status=0, other=0, respect_retry_after_header=False)
        super().__init__(_POOL_HOSTS, _POOL_SIZE, max_retries=retry)

        self.poolmanager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedTlsPool}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, options = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            options["ssl_context"] = self._tls_context
        return host, options

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing, because the TLS context verifies; requests would reload its certificates for every connection."""

    @cached_property
    def _tls_context(self) -> ssl.SSLContext:
        """A context that trusts certifi's authorities and the system's (a company's own, ``SSL_CERT_FILE``)."""
        context = ssl.create_default_context()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        context.sslsocket_class = _TlsSocket
        return context


def _connect(host: str, port: int) -> socket.socket:
    """Resolve a host once, check every address, and connect to the first one that answers.

    Raises:
        UrlRejected: one of the addresses is neither public nor allowed.
        FetchUnavailable: the name does not resolve, or no address answers.
    """
    attempt = _attempt.get()
    targets = _resolve(host, port, attempt)
    refuse_private(host, (ip_address(sockaddr[0]) for _, sockaddr in targets), attempt.allow)
    for index, (family, sockaddr) in enumerate(targets):
        try:
            # Divide the remaining time, so that an address that does not answer leaves some for the others.
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
        sock.settimeout(_attempt.get().time_left())  # for the TLS handshake
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(host: str, port: int, attempt: _Attempt) -> list[tuple[int, tuple[Any, ...]]]:
    """Resolve a host, waiting no longer than the attempt lasts.

    ``getaddrinfo`` takes no timeout, so it runs in a thread that is abandoned when it takes too long. The thread ends
    when the system's resolver gives up (in glibc, 5 s x 2 tries for each name server). It is a daemon thread, so it
    does not keep the process from exiting.

    Returns:
        (address family, socket address) of every result, without duplicates, in the system's order of preference.
    """
    answers: queue.SimpleQueue[list[tuple[int, tuple[Any, ...]]]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # UnicodeError: a label is longer than 63 characters
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

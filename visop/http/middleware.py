"""ASGI middleware around the application: protection from web pages, headers of every answer, HEAD.

A web page that somebody visits can send requests to servers that only this machine can reach. It must not get an
answer from them under a name of its own (DNS rebinding), nor make them do something (cross-site requests).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visop.address import is_loopback
from visop.errors import VisopError
from visop.http.problems import CrossSite, WrongHost, problem_of
from visop.serving.request_log import request_id_of

# What an answer carries unless its route says otherwise.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
#: Where the scope of a request holds its id.
REQUEST_ID = "visop.request_id"

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class BrowserProtection:
    """Refuses requests under an unknown host name or from another site's page, and adds security headers to answers.

    Args:
        app: what is protected.
        hosts: names that are answered to, beside localhost and IP addresses; None is any.
        closing: whether connections should end with their answer, because the server is about to stop.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None, closing: Callable[[], bool]) -> None:
        self._app, self._hosts, self._closing = app, hosts, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or hand the request to the application."""
        received = Headers(scope=scope)
        scope[REQUEST_ID] = request_id_of(received.get("x-request-id"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = scope[REQUEST_ID]
                if self._closing():
                    headers["Connection"] = "close"
            await send(message)

        refusal = self._refusal(scope["method"], received)
        await (problem_of(refusal) if refusal else self._app)(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> VisopError | None:
        host = headers.get("host", "")
        if self._hosts is not None and not _is_known(_name_of(host), self._hosts):
            return WrongHost(f"Host {host[:100]!r}: not a name of this server; OP_HTTP_HOSTS adds names")
        if method not in _SAFE_METHODS and _is_cross_site(host, headers):
            return CrossSite("a page of another site sent this; only this server's own pages may")
        return None


def hosts_of(bound: str, given: str, configured: Collection[str]) -> Collection[str] | None:
    """The names to answer to; None is any. An address of the network has names that this process cannot know.

    Args:
        bound: the IP address that is listened on.
        given: the host that led to it, as it was written: a page cannot make a name of its own of this one.
        configured: OP_HTTP_HOSTS.
    """
    if "*" in configured or (not configured and not is_loopback(bound)):
        return None
    return {_plain(name) for name in (given, *configured)}


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _name_of(host: str) -> str:
    """``Example.org.:8080`` -> ``example.org``; empty if it is no host at all."""
    try:
        return _plain(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return ""


def _is_known(name: str, hosts: Collection[str]) -> bool:
    """Every IP address is: a page can make its own name point here, but it cannot own an address of this server."""
    if name in hosts or name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_cross_site(host: str, headers: Headers) -> bool:
    """Whether a browser sent it for another site's page. Programs send neither header.

    https://web.dev/articles/fetch-metadata; Origin is for browsers that do not have it.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != host


class HeadAsGet:
    """HEAD wherever there is GET, as RFC 9110 (9.1) wants it, so that no route needs to name both.

    uvicorn leaves the body out of the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the application, as a GET if it is a HEAD."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: uvicorn reads the method from its own
        await self._app(scope, receive, send)

"""Who may ask, and what every answer carries: the part of the HTTP interface that browsers make necessary.

A web page that somebody visits can send requests to servers that only this machine can reach. It must not get an
answer from them under a name of its own (DNS rebinding), nor make them do something (cross-site requests).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Guard:
    """ASGI middleware: turns away what no page of ours sent, and adds security headers.

    Args:
        app: what is protected.
        hosts: names that are answered to, beside localhost and addresses; None is any.
        closing: whether connections should end with their answer, because the server is about to stop.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None, closing: Callable[[], bool]) -> None:
        self._app, self._hosts, self._closing = app, hosts, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
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


def hosts_of(bound: str, configured: Collection[str]) -> Collection[str] | None:
    """The names to answer to on the address ``bound``; None is any.

    An address of the network is reached by names that nobody here knows, and guarded by more than a name.
    """
    if "*" in configured or (not configured and not is_loopback(bound)):
        return None
    return {name.lower() for name in configured}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name_of(host: str) -> str:
    """``Example.org:8080`` -> ``example.org``; empty if it is no host at all."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_known(name: str, hosts: Collection[str]) -> bool:
    """A plain address is: a page can make its own name point here, but it cannot own an address that we have."""
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

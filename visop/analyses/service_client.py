"""A client of a running service of analyses, over HTTP: with Python's own library alone, so that commands start fast.

with ServiceClient("http://127.0.0.1:8080") as service:
    job = service.get("jobs/3")
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from itertools import chain
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from visop.analyses.event_stream import read_events
from visop.client.security import Security
from visop.errors import DeadlinePassed, NotFound, Overloaded, RemoteError, Unreachable, UsageError, VisopError

JSON = "application/json"

_PART_BYTES = 1 << 16

_END_STATES = ("done", "failed", "cancelled")

# What a server or a proxy ended while nobody used it; the request did not reach it.
_ENDED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class ServiceClient:
    """Calls a service, one request after another on one connection.

    Args:
        service: its address, such as ``http://127.0.0.1:8080``; a path in it is put before every other one.
        timeout_s: seconds without any answer.
        security: the token that is sent, and for https the authorities and the certificate; None is what the
            environment says.

    Raises:
        UsageError: it is no address of HTTP.
    """

    def __init__(self, service: str, timeout_s: float = 60.0, security: Security | None = None) -> None:
        parts = urlsplit(service)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError("service", service, "must be http://HOST:PORT or https://HOST")
        self.service, self._timeout_s = service.rstrip("/"), timeout_s
        self._host, self._port, self._is_safe = parts.hostname, _port(parts, service), parts.scheme == "https"
        self._path = parts.path.rstrip("/")
        self._security = security or Security.of_environment()
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Idempotent; the next request opens another one."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def get(self, path: str, **query: object) -> Any:
        """What is at a path. Parameters that are None or empty are left out.

        Raises:
            VisopError: NotFound, Overloaded, Unreachable, DeadlinePassed, or RemoteError with any other code.
        """
        return self.call("GET", path, query=query)

    def list(self, path: str, key: str, most: int | None, **query: object) -> Iterator[dict[str, Any]]:
        """The entries of a list, page after page, at most so many. Raises as ``get``."""
        while most is None or most > 0:
            page = self.get(path, **query)
            found = page[key][:most]
            yield from found
            most = None if most is None else most - len(found)
            cursor = dict(parse_qsl(urlsplit(page.get("next") or "").query)).get("cursor")
            if not cursor:
                return
            query["cursor"] = cursor

    def call(
        self,
        method: str,
        path: str,
        value: object = None,
        *,
        query: Mapping[str, object] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request; the JSON of its answer, None if that is empty. Raises as ``get``.

        Args:
            method: of HTTP.
            path: below the address of the service.
            value: becomes the body, as JSON.
            query: parameters.
            body: in place of ``value``; ``headers`` say what it is.
            headers: of the request.
        """
        given = dict(headers or {})
        if value is not None:
            body, given["Content-Type"] = json.dumps(value).encode(), JSON
        with self._errors():
            answer = self._send(method, _target(path, query), body, given | {"Accept": JSON})
            data = answer.read()
        try:
            return json.loads(data) if data else None
        except ValueError:
            raise Unreachable(f"{self.service} answered with something that is not JSON") from None

    def stream(self, path: str, accept: str, *, by_line: bool = False, **query: object) -> Iterator[bytes]:
        """An answer in parts, as they come; the connection is closed after it. Raises as ``get``, at any part.

        Args:
            path: as for ``get``.
            accept: the media type that is wanted.
            by_line: whether each part is a line.
            **query: as for ``get``.
        """
        try:
            with self._errors():
                answer = self._send("GET", _target(path, query), None, {"Accept": accept})
            while part := self._next(answer, by_line):
                yield part
        finally:
            self.close()

    def follow(self, path: str, kind: str, poll_s: float = 1.0) -> Iterator[dict[str, Any]]:
        """A record or a job each time that it changes, until its end: by its events, or by asking where those fail.

        Raises as ``get``.
        """
        for value in chain(self._events(path, kind), self._polls(path, poll_s)):
            yield value
            if value["state"] in _END_STATES:
                return

    def _events(self, path: str, kind: str) -> Iterator[dict[str, Any]]:
        with suppress(Unreachable, DeadlinePassed, RemoteError):
            lines = self.stream(f"{path}/events", "text/event-stream", by_line=True)
            yield from (json.loads(data) for each, data in read_events(lines) if each == kind)

    def _polls(self, path: str, poll_s: float) -> Iterator[dict[str, Any]]:
        while True:
            yield self.get(path)
            time.sleep(poll_s)

    def _next(self, answer: HTTPResponse, by_line: bool) -> bytes:
        with self._errors():
            part = answer.readline() if by_line else answer.read1(_PART_BYTES)
            if not part and answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
            return part

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of the connection as those of visop."""
        try:
            yield
        except TimeoutError:
            self.close()
            raise DeadlinePassed(f"{self.service} has not answered for {self._timeout_s:g} s") from None
        except (OSError, HTTPException) as error:
            self.close()
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"{self.service} cannot be reached: {why}") from None

    def _send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> HTTPResponse:
        is_new = self._connection is None
        connection = self._connection = self._connection or self._connect()
        try:
            connection.request(method, self._path + target, body, {**headers, **self._token()})
            answer = connection.getresponse()
        except _ENDED:
            if is_new:
                raise
            self.close()
            return self._send(method, target, body, headers)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _error_of(answer, f"{method} {target}")
        return answer

    def _token(self) -> dict[str, str]:
        token = self._security.bearer()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _connect(self) -> HTTPConnection:
        if self._is_safe:
            context = ssl.create_default_context(cafile=self._security.ca)
            if self._security.cert:
                context.load_cert_chain(self._security.cert, self._security.key)
            return HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return HTTPConnection(self._host, self._port, timeout=self._timeout_s)


def _port(parts: Any, service: str) -> int | None:
    try:
        port: int | None = parts.port
    except ValueError:
        raise UsageError("service", service, "its port must be a number from 0 to 65535") from None
    return port


def _target(path: str, query: Mapping[str, object] | None) -> str:
    """A path, with the parameters that are given."""
    given = [(name, value) for name, value in (query or {}).items() if value not in (None, "", ())]
    return f"/{quote(path)}" + (f"?{urlencode(given, doseq=True)}" if given else "")


def _error_of(answer: HTTPResponse, request: str) -> VisopError:
    """The error of an answer: that of the problem in it, or of its status where it has none."""
    try:
        problem = json.loads(answer.read())
        detail, code = str(problem["detail"]), str(problem.get("code", "UNKNOWN"))
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"{request}: answered {answer.status} {answer.reason}, with no problem in it")
    wait_s = answer.headers.get("Retry-After", "")
    made: VisopError
    if code == "RESOURCE_EXHAUSTED":
        return Overloaded(detail, float(wait_s) if wait_s.isdigit() else 0.0)
    if code == "UNAVAILABLE":
        made = Unreachable(detail)
        made.retry_after_s = float(wait_s) if wait_s.isdigit() else None
        return made
    return NotFound(detail) if code == "NOT_FOUND" else RemoteError(detail, code)

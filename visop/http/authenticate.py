"""Ask every HTTP request for a token, but for those of probes."""

from __future__ import annotations

import base64
import binascii

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from visop.access.scopes import OPEN_PATHS, scope_of_request
from visop.access.tokens import Token, Tokens, bearer_of
from visop.errors import NotAuthenticated, VisopError
from visop.http.problems import problem_of

# Browsers ask for a name and a password when they are told so, and then send it with everything, pictures and streams
# too: so the page needs no form of its own, and keeps no token. Other sites' pages are refused before this.
_CHALLENGES = 'Bearer realm="visop", Basic realm="visop: any name, and a token as the password"'

# Where the scope of a request holds what was shown.
_TOKEN = "visop.token"  # noqa: S105 - a name


class Authenticate:
    """ASGI middleware that answers 401 to who shows no token, and 403 to who shows one that does not allow this.

    Args:
        app: what is protected.
        tokens: that are accepted.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or hand the request to the application."""
        if scope["path"] not in OPEN_PATHS:
            try:
                needed = scope_of_request(scope["method"], scope["path"])
                scope[_TOKEN] = self._tokens.check(_given(Headers(scope=scope)), needed)
            except VisopError as error:
                answer = problem_of(error)
                if isinstance(error, NotAuthenticated):
                    answer.headers["WWW-Authenticate"] = _CHALLENGES
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def token_of(scope: Scope) -> Token | None:
    """The token that a request has shown; None where none is needed."""
    return scope.get(_TOKEN)


def _given(headers: Headers) -> str | None:
    header = headers.get("authorization")
    return bearer_of(header) or _password(header)


def _password(header: str | None) -> str | None:
    """That of ``authorization: Basic`` (RFC 7617), which is the token."""
    kind, _, value = (header or "").strip().partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None

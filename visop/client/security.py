"""How a client shows an operator who it is, and makes sure of the operator: TLS, certificates, a token."""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from visop.errors import UsageError
from visop.files import version_of

_YES = ("1", "on", "true", "yes")


@dataclass(frozen=True)
class Security:
    """What a client needs of a server that is not open to all.

    Attributes:
        tls: whether to connect with TLS; the certificate of the server is checked against authorities that this
            machine knows, or ``ca``.
        ca: file of authorities, in PEM; means TLS.
        cert: file of the certificate that is shown to a server that asks for one (mutual TLS), in PEM; means TLS.
        key: file of its private key.
        token: that is sent with every call.
        token_file: has it; read again when it changes, so that a token is renewed without a restart.
    """

    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token: str = ""
    token_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise UsageError where one thing needs another."""
        if (self.cert is None) != (self.key is None):
            field, other = ("cert", "key") if self.cert else ("key", "cert")
            raise UsageError(field, str(getattr(self, field)), f"needs {other}, too")

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Security:
        """What the variables ``VISOP_TLS``, ``VISOP_CA``, ``VISOP_CERT``, ``VISOP_KEY``, ``VISOP_TOKEN(_FILE)`` say."""

        def path(name: str) -> Path | None:
            return Path(environment[name]).expanduser() if environment.get(name) else None

        return cls(
            environment.get("VISOP_TLS", "").lower() in _YES,
            path("VISOP_CA"),
            path("VISOP_CERT"),
            path("VISOP_KEY"),
            environment.get("VISOP_TOKEN", ""),
            path("VISOP_TOKEN_FILE"),
        )

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """For a channel; None without TLS.

        Raises:
            UsageError: a file cannot be read.
        """
        if not (self.tls or self.ca or self.cert):
            return None
        files = (_read("ca", self.ca), _read("key", self.key), _read("cert", self.cert))
        return grpc.ssl_channel_credentials(*files)

    def bearer(self) -> str:
        """The token to send; empty if there is none. Raises UsageError if its file cannot be read."""
        return _read_token(self.token_file) if self.token_file else self.token

    def with_token(self, channel: grpc.Channel) -> grpc.Channel:
        """Return a channel that sends the token with every call; the same if there is none.

        Raises:
            UsageError: its file cannot be read.
        """
        if self.token_file is not None:
            return grpc.intercept_channel(channel, _SendToken(_TokenFile(self.token_file).token))
        return grpc.intercept_channel(channel, _SendToken(lambda: self.token)) if self.token else channel


class _TokenFile:
    """The token of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version, self._token = version_of(path), _read_token(path)

    def token(self) -> str:
        """As it is now. Where the file cannot be read at the moment, as it was."""
        if (version := version_of(self._path)) not in (None, self._version):
            self._version, self._token = version, _read_token(self._path)
        return self._token


_Details = namedtuple("_Details", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression"))


class _SendToken(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Sends a token with each call."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """A call of one message."""
        return continuation(self._with_token(client_call_details), request)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """A call of many."""
        return continuation(self._with_token(client_call_details), request_iterator)

    def _with_token(self, details: Any) -> _Details:
        metadata = (*(details.metadata or ()), ("authorization", f"Bearer {self._token()}"))
        return _Details(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )


def _read(field: str, path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError as error:
        raise UsageError(field, str(path), f"cannot be read: {error.strerror}") from None


def _read_token(path: Path) -> str:
    text = (_read("token_file", path) or b"").decode(errors="replace").strip()
    if not text or not text.isascii() or len(text.split()) != 1:
        raise UsageError("token_file", str(path), "must have one token, and nothing else")
    return text

"""Tokens: their form, and the file that has them.

A token is 256 bits of chance, so that one hash of it, which nobody can turn back, is enough to keep: SHA-256. Salt and
repetition are for passwords, which can be guessed.

A line of the file is ``NAME SCOPE,SCOPE SHA256 [EXPIRES]``, as ``visop token`` writes it. Several tokens may have one
name, so that a new one can be handed out before the old one is taken back.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from visop.access.scopes import Scope, parsed
from visop.errors import NotAllowed, NotAuthenticated, SettingsError
from visop.files import version_of
from visop.settings import Settings

logger = logging.getLogger(__name__)

#: So that programs that look for secrets in texts find it.
PREFIX = "visop_"

_NAME = re.compile(r"[\w.@-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# No token is longer, and none of theirs that is sent is hashed beyond it.
_MOST_CHARACTERS = 512


@dataclass(frozen=True)
class Token:
    """What is kept of a token.

    Attributes:
        name: of whom it is for; in the log.
        scopes: what it allows.
        digest: SHA-256 of it, in hexadecimal.
        expires: from when on it is refused; None is never.
    """

    name: str
    scopes: frozenset[Scope]
    digest: str
    expires: datetime | None = None

    def line(self) -> str:
        """The line of the file."""
        words = [self.name, ",".join(sorted(self.scopes)), self.digest]
        return " ".join(words + ([self.expires.isoformat()] if self.expires else []))


def new_token(name: str, scopes: frozenset[Scope], expires: datetime | None = None) -> tuple[str, Token]:
    """Return a new token, and what to keep of it."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, Token(name, scopes, _digest(secret), expires)


def read_tokens(text: str) -> tuple[Token, ...]:
    """Read lines; those that are empty or begin with # say nothing.

    Raises:
        ValueError: a line is not of the form, said with its number and without its content.
    """
    lines = enumerate((line.strip() for line in re.split(r"[\n;]", text)), 1)
    return tuple(_token(number, line) for number, line in lines if line and not line.startswith("#"))


class Tokens:
    """The tokens that are accepted. May be used from several threads.

    Args:
        file: has them, and is read again when it changes; None has none.
        more: lines of further ones.
        now: the time, for what has expired.

    Raises:
        SettingsError: they cannot be read.
    """

    def __init__(
        self, file: Path | None, more: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._file, self._now = file, now
        try:
            self._more = read_tokens(more)
        except ValueError as error:
            raise SettingsError("tokens", "...", str(error)) from None
        self._version = file and version_of(file)
        try:
            self._tokens = self._read()
        except (OSError, ValueError) as error:
            raise SettingsError("tokens_file", str(file), _reason(error)) from None

    @classmethod
    def of(cls, settings: Settings) -> Tokens | None:
        """Those of the settings; None if nobody needs one."""
        if not settings.tokens_file and not settings.tokens:
            return None
        return cls(Path(settings.tokens_file).expanduser() if settings.tokens_file else None, settings.tokens)

    def check(self, given: str | None, scope: Scope | None) -> Token:
        """Return the token that a caller has shown.

        Args:
            given: it; None if there was none.
            scope: what it has to allow.

        Raises:
            NotAuthenticated: there is none, or it is not known, or no longer.
            NotAllowed: it does not allow this.
        """
        token = self._known(given)
        if token.expires is not None and token.expires <= self._now():
            raise NotAuthenticated("the token has expired")
        if scope is not None and not token.scopes & {scope, Scope.ADMIN}:
            raise NotAllowed(f"the token does not allow this: it needs the scope {scope}")
        return token

    def _known(self, given: str | None) -> Token:
        if not given:
            raise NotAuthenticated("a token is needed: send it as `authorization: Bearer TOKEN`")
        self._refresh()
        digest = _digest(given[:_MOST_CHARACTERS])
        # All are compared, each in constant time, so that the time tells nothing of what is kept.
        found = [each for each in self._tokens if hmac.compare_digest(each.digest, digest)]
        if not found:
            raise NotAuthenticated("the token is not known")
        return found[0]

    def _refresh(self) -> None:
        version = self._file and version_of(self._file)
        if version == self._version:
            return
        self._version = version
        try:
            self._tokens = self._read()
        except (OSError, ValueError) as error:
            logger.error("the new tokens cannot be used, the last ones are kept: %s", _reason(error))
        else:
            logger.info("the tokens were read again: %d", len(self._tokens))

    def _read(self) -> Sequence[Token]:
        return (*self._more, *(read_tokens(self._file.read_text()) if self._file else ()))


def bearer_of(header: str | None) -> str | None:
    """Return the token of ``authorization: Bearer TOKEN`` (RFC 6750); None if there is none."""
    kind, _, token = (header or "").strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _token(number: int, line: str) -> Token:
    name, scopes, digest, *expires = [*line.split(), "", "", ""][: max(3, len(line.split()))]
    if not _NAME.fullmatch(name) or not _DIGEST.fullmatch(digest) or len(expires) > 1:
        raise ValueError(f"line {number}: must be NAME SCOPE,SCOPE SHA256 [EXPIRES]; `visop token` writes it")
    try:
        return Token(name, parsed(scopes.split(",")), digest, _time(expires[0]) if expires else None)
    except ValueError:
        known = ", ".join(Scope)
        raise ValueError(f"line {number}: the scopes are {known}, and a time is like 2027-01-31T12:00:00Z") from None


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not text"
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)

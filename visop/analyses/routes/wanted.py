"""What the headers of a request say about how it is to be served: whether it waits, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping

from visop.errors import UsageError

#: Of a request that may be sent several times, and is done once.
KEY = "Idempotency-Key"

_LONGEST_KEY = 255


def wants_async(headers: Mapping[str, str], asked: bool | None) -> bool:
    """Whether the caller does not wait for the end: by ``Prefer: respond-async`` (RFC 7240), or by the query.

    Args:
        headers: of the request.
        asked: by the query; None if it does not say.
    """
    if asked is not None:
        return asked
    preferences = headers.get("prefer", "").lower().split(",")
    return any(each.partition(";")[0].strip() == "respond-async" for each in preferences)


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key of a request (draft-ietf-httpapi-idempotency-key-header); None if it has none.

    Raises:
        UsageError: it is empty, too long, or has other characters than those of ASCII that can be seen.
    """
    text = headers.get(KEY.lower())
    if text is None:
        return None
    key = text.strip().removeprefix('"').removesuffix('"')  # a string of structured fields, or bare
    if not 0 < len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise UsageError(KEY, "", f"must have 1 to {_LONGEST_KEY} characters of ASCII that can be seen")
    return key

"""The Retry-After header of an answer (RFC 9110, 10.2.3): when its server wants to be asked again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Nobody waits longer than this for one picture, so that it may stand for all that is longer.
_LONGEST_S = 30 * 24 * 3600.0

# The standard has whole seconds alone; some servers send 1.5.
_SECONDS = re.compile(r"\d+(\.\d*)?", re.ASCII)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, from 0; None if the answer does not say, or not in a form that can be read.

    Args:
        headers: of the answer. A date counts from its Date, so that clocks need not agree, or else from now.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST_S)
    until = _time(text)
    if until is None:
        return None
    now = _time(headers.get("Date", "")) or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_S)


def _time(text: str) -> datetime | None:
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)

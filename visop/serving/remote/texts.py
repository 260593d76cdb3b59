"""What a running operator says, made safe to print, to log and to pass on."""

from __future__ import annotations

from dataclasses import replace

from visop.contract import OperatorInfo
from visop.sources import printable

_MOST_CHARS = 500
# Of a label, a name, a fingerprint.
_NAME_CHARS = 200
_MOST_LABELS = 10_000


def safe_text(text: str, most: int = _MOST_CHARS) -> str:
    """A message without control characters, and not longer than is read."""
    safe = printable(text[: most + 1])
    return safe if len(safe) <= most else f"{safe[:most]}…"


def safe_name(text: str) -> str:
    """The same for a name or a label."""
    return safe_text(text, _NAME_CHARS)


def safe_info(info: OperatorInfo) -> OperatorInfo:
    """What an operator says of itself."""
    return replace(
        info,
        name=safe_name(info.name),
        fingerprint=safe_name(info.fingerprint),
        metric_type=safe_name(info.metric_type),
        type=safe_name(info.type),
        output=safe_name(info.output),
        labels=tuple(map(safe_name, info.labels[:_MOST_LABELS])),
        parts=safe_name(info.parts),
        older_fingerprints=frozenset(map(safe_name, info.older_fingerprints)),
        precision=safe_name(info.precision),
        descriptors=tuple(map(safe_name, info.descriptors[:_MOST_LABELS])),
    )

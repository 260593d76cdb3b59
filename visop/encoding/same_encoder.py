"""Vectors of two encoders do not fit together: refuse to mix them, and say what differs."""

from __future__ import annotations

import re

from visop.encoding.vector_file import Origin
from visop.errors import OtherEncoder

# As visop.models.fingerprint writes it: all but the digest is to be read.
_FINGERPRINT = re.compile(
    r"(?P<model>.+?)-(?P<weights>[a-z]+)-(?P<pooling>avg|max|gem|rmac|ramac)(?P<head>-head)?(?P<whitening>-whitened)?"
    r"-(?P<resize>bilinear|nearest)-(?P<precision>[a-z]+\d+)-(?P<digest>[0-9a-f]{12})"
)


def check_same_encoder(there: Origin, here: Origin, holder: str, comer: str, advice: str = "") -> None:
    """Refuse if the two are not the same encoder.

    Args:
        there: what made the vectors that are there.
        here: what would make the next ones.
        holder: who has the vectors that are there, for the message.
        comer: who the other one is.
        advice: what to do.

    Raises:
        OtherEncoder: with both fingerprints, and what differs.
    """
    if here == there:
        return
    raise OtherEncoder(
        f"{holder} has vectors of {_spoken(there)}; {comer} makes those of {_spoken(here)}: they do not fit together. "
        f"What differs: {'; '.join(differences(there, here))}" + (f". {advice}" if advice else "")
    )


def differences(there: Origin, here: Origin) -> list[str]:
    """Every part that differs, such as ``pooling gem, not avg``: what is there first."""
    parts = {
        "operator": (there.operator, here.operator),
        "dimension": (there.dimension, here.dimension),
        "metric": (there.metric_type, here.metric_type),
    }
    found = [f"{name} {old}, not {new}" for name, (old, new) in parts.items() if old != new]
    return found + (_fingerprint_differences(there.fingerprint, here.fingerprint) if _differ(there, here) else [])


def _differ(there: Origin, here: Origin) -> bool:
    return there.fingerprint != here.fingerprint


def _fingerprint_differences(there: str, here: str) -> list[str]:
    old, new = _FINGERPRINT.fullmatch(there), _FINGERPRINT.fullmatch(here)
    if old is None or new is None:
        return ["fingerprint"]
    parts = [name for name in old.groupdict() if name != "digest" and old[name] != new[name]]
    said = [f"{name} {_part(old[name])}, not {_part(new[name])}" for name in parts]
    # The digest changes with every other part, so it says something only if it is alone.
    return said or ["the weights, or the version of preprocessing (the parts that can be read are the same)"]


def _part(text: str | None) -> str:
    return (text or "none").lstrip("-")


def _spoken(origin: Origin) -> str:
    return origin.fingerprint or f"{origin.operator} (no fingerprint)"

"""Vectors of two encoders do not fit together: refuse to mix them, and say what differs."""

from __future__ import annotations

import re
from dataclasses import replace

from visop.contract import OperatorInfo
from visop.errors import OtherEncoder, UsageError
from visop.part_scheme import spoken_parts

# As visop.models.fingerprint writes it: all but the digest is to be read.
_FINGERPRINT = re.compile(
    r"(?P<model>.+?)-(?P<weights>[a-z]+)-(?P<pooling>avg|max|gem|rmac|ramac|descriptors)"
    r"(?P<head>-head)?(?P<whitening>-whitened)?"
    r"-(?P<resize>bilinear|nearest)(?P<precision>-[a-z]+\d+)?-(?P<digest>[0-9a-f]{12})"
)


def check_is_encoder(operator: OperatorInfo) -> None:
    """Raise UsageError for an operator that does not give one vector for each picture."""
    if operator.parts:
        raise UsageError("", operator.name, f"gives vectors of parts ({operator.parts}), not one for each picture")
    if operator.type != "encoder" or operator.dimension < 1:
        why = f"is a {operator.type} of dimension {operator.dimension}, not an encoder"
        raise UsageError("", operator.name, why)


def is_same_encoder(there: OperatorInfo, here: OperatorInfo) -> bool:
    """Whether vectors of the two fit together."""
    return not differences(there, here)


def check_same_encoder(there: OperatorInfo, here: OperatorInfo, holder: str, comer: str, advice: str = "") -> None:
    """Refuse if the two are not the same encoder.

    Args:
        there: what made the vectors that are there.
        here: what would make the next ones.
        holder: what holds the vectors that are there, for the message.
        comer: what would add the next ones, for the message.
        advice: what to do.

    Raises:
        OtherEncoder: with both fingerprints, and what differs.
    """
    if is_same_encoder(there, here):
        return
    if is_same_encoder(replace(there, parts=here.parts), here):
        raise OtherEncoder(
            f"{holder} has vectors of the parts {spoken_parts(there.parts)}; {comer} makes those of the parts "
            f"{spoken_parts(here.parts)}: they do not fit together" + (f". {advice}" if advice else "")
        )
    raise OtherEncoder(
        f"{holder} has vectors of {_spoken(there)}; {comer} makes those of {_spoken(here)}: they do not fit together. "
        f"What differs: {'; '.join(differences(there, here))}" + (f". {advice}" if advice else "")
    )


def differences(there: OperatorInfo, here: OperatorInfo) -> list[str]:
    """Every part that differs, such as ``pooling gem, not avg``: what is there first."""
    parts = {
        "operator": (there.name, here.name),
        "dimension": (there.dimension, here.dimension),
        "metric": (there.metric_type, here.metric_type),
        "parts": (spoken_parts(there.parts), spoken_parts(here.parts)),
    }
    found = [f"{name} {old}, not {new}" for name, (old, new) in parts.items() if old != new]
    return found + (_fingerprint_differences(there.fingerprint, here.fingerprint) if _differ(there, here) else [])


def _differ(there: OperatorInfo, here: OperatorInfo) -> bool:
    """Whether the spaces differ. One may be known by an older name, of which only the newer side knows."""
    names_there = {there.fingerprint, *there.older_fingerprints}
    names_here = {here.fingerprint, *here.older_fingerprints}
    return there.fingerprint not in names_here and here.fingerprint not in names_there


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


def _spoken(operator: OperatorInfo) -> str:
    return operator.fingerprint or f"{operator.name} (no fingerprint)"

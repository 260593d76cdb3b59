"""Are two pictures copies of each other? Their distance, a verdict at a calibrated threshold, and what that was."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from visop.contract import Encoder, Image
from visop.errors import UsageError
from visop.images.emptiness import is_nearly_empty, marked_share
from visop.models.fingerprint import digest_of
from visop.models.selection import Selection
from visop.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trust:
    """Where a threshold comes from.

    Attributes:
        threshold: a pair with this cosine or a higher one is a copy.
        fpr: the false-positive rate that the threshold was chosen for.
        fpr_measured: share of the ``pairs`` that reached it.
        recall: share of the edited copies that reached it.
        pairs: how many pairs of an edited copy and another picture there were.
        picture_pairs: how many pairs of different pictures these were made of, which is what the rate rests on.
        pictures: how many originals.
        data: what they were.
    """

    threshold: float
    fpr: float
    fpr_measured: float
    recall: float
    pairs: int
    picture_pairs: int
    pictures: int
    data: str


@dataclass(frozen=True)
class Comparison:
    """Two pictures.

    Attributes:
        similarity: cosine of their vectors, -1 to 1.
        distance: Euclidean (L2) distance of their vectors, 0 to 2.
        is_copy: the verdict; None without a calibration, and where there is nothing to compare.
        nearly_empty: whether there is nothing to compare: one of the pictures has nearly nothing on it.
        marked: share of each picture that differs from its background, see ``visop.images.emptiness``.
        trust: why the verdict can be trusted; None without a calibration.
        fingerprint: of the encoder.
    """

    similarity: float
    distance: float
    is_copy: bool | None
    nearly_empty: bool
    marked: tuple[float, float]
    trust: Trust | None
    fingerprint: str


def compare(
    operator: Encoder, a: Image, b: Image, *, calibration: Mapping[str, Any] | None = None, fpr: float = 1e-3
) -> Comparison:
    """Compare two pictures.

    Args:
        operator: a loaded encoder.
        a: (H, W, 3) uint8 RGB.
        b: the other, of any size.
        calibration: of this very encoder, as its card has it (see ``calibration_of``); None gives no verdict.
        fpr: the false-positive rate to judge at; must be one of the calibration's.

    Raises:
        UsageError: the calibration has no threshold for this rate; names those that it has.
        ModelFailed: a picture has no vector.
    """
    trust = None if calibration is None else trust_of(calibration, fpr)
    first, second = (vector.astype(np.float64) for vector in operator.bulk_execute([a, b]))
    similarity = float(np.clip(first @ second, -1, 1))
    marked = marked_share(a), marked_share(b)
    nearly_empty = any(map(is_nearly_empty, marked))
    return Comparison(
        similarity=similarity,
        distance=float(np.linalg.norm(first - second)),
        is_copy=None if trust is None or nearly_empty else similarity >= trust.threshold,
        nearly_empty=nearly_empty,
        marked=marked,
        trust=trust,
        fingerprint=operator.fingerprint,
    )


class HasFingerprint(Protocol):
    """An encoder, or what is known of one."""

    @property
    def fingerprint(self) -> str:
        """Of its vectors."""

    @property
    def older_fingerprints(self) -> frozenset[str]:
        """Names that earlier versions gave the same vector space."""


def calibration_of(operator: HasFingerprint, settings: Settings) -> Mapping[str, Any] | None:
    """The calibration in the card of the encoder file that an operator was loaded from; None if there is none.

    None, too, if it was measured with other weights, another pooling or another resizing. An operator of the user's own
    has nothing to do with the weights that the settings name. It is known by its fingerprint.
    """
    if settings.weights in ("imagenet", "random"):  # no encoder files
        return None
    selection = Selection.of(settings)
    calibration, own = selection.calibration, selection.fingerprints()
    if calibration is None or operator.fingerprint not in own:
        return None
    if not _is_of(calibration, own):
        measured_with = calibration.get("fingerprint") or "an encoder that it does not name"
        logger.warning("no verdicts for %s: its calibration was measured with %s", operator.fingerprint, measured_with)
        return None
    return calibration


def _is_of(calibration: Mapping[str, Any], own: Set[str]) -> bool:
    """Whether it was measured with one of these, which differ in precision alone.

    Precision moves a vector by much less than an edit does: the recall@1 of the shipped encoder in f32, bf16 and int8
    is the same to a thousandth (docs/explanation/shipped-encoder.md).
    """
    return digest_of(str(calibration.get("fingerprint", ""))) in {digest_of(each) for each in own}


def calibration_from(path: Path, operator: HasFingerprint) -> Mapping[str, Any]:
    """The calibration of an operator, known by its fingerprint, in a file that ``visop evaluate`` wrote.

    Raises:
        UsageError: the file cannot be read, or holds none of this operator.
    """
    try:
        entries: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
        known = {entry["fingerprint"]: entry["calibration"] for entry in entries.values() if entry["fingerprint"]}
    except OSError as error:
        raise UsageError("calibration", path, str(error.strerror)) from error
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UsageError("calibration", path, "not a calibration.json of `visop evaluate`") from error
    name = next((name for name in (operator.fingerprint, *operator.older_fingerprints) if name in known), None)
    if name is None:
        there = ", ".join(known) or "none"
        why = f"nothing of fingerprint {operator.fingerprint or '(none)'}; it has {there}. Evaluate this very encoder"
        raise UsageError("calibration", path, why)
    calibration: Mapping[str, Any] = known[name]
    return calibration


def _no_threshold(thresholds: Sequence[Mapping[str, Any]], fpr: float, picture_pairs: int) -> str:
    """Why a calibration has no threshold for a rate."""
    if not thresholds:
        return f"the encoder has no threshold: {picture_pairs:,} pairs of pictures were too few; evaluate more pictures"
    rates = [each["fpr"] for each in thresholds]
    why = f"the encoder is calibrated for false-positive rates of {', '.join(f'{rate:g}' for rate in rates)}"
    return f"{why}, on {picture_pairs:,} pairs of pictures; lower rates take more" if fpr < min(rates) else why


def trust_of(calibration: Mapping[str, Any], fpr: float) -> Trust:
    """The threshold of a calibration for a false-positive rate.

    Raises:
        UsageError: it has none for this rate; names those that it has. Or it is no calibration.
    """
    try:
        thresholds: Sequence[Mapping[str, Any]] = calibration["thresholds"]
        found = next((each for each in thresholds if math.isclose(each["fpr"], fpr, rel_tol=1e-6)), None)
        if found is None:
            raise UsageError("fpr", f"{fpr:g}", _no_threshold(thresholds, fpr, calibration["picture_pairs"]))
        return Trust(
            threshold=float(found["similarity"]),
            fpr=float(found["fpr"]),
            fpr_measured=float(found["fpr_measured"]),
            recall=float(found["recall"]),
            pairs=int(calibration["pairs"]),
            picture_pairs=int(calibration["picture_pairs"]),
            pictures=int(calibration["pictures"]),
            data=str(calibration["data"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        why = f"the calibration in the encoder's card is not as it should be: {error!r}; `visop evaluate` makes one"
        raise UsageError("", "", why) from error

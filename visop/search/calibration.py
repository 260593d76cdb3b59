"""Find the calibrated cosine from which two pictures count as copies, for the encoder of an index."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.evaluation.compare import calibration_from, calibration_of
from visop.models.selection import Selection
from visop.search.background import Tail, tail_through
from visop.search.scheme_thresholds import scheme_threshold
from visop.settings import Settings

logger = logging.getLogger(__name__)

#: One of a thousand pairs of different pictures passes for a copy.
DEFAULT_FPR = 1e-3


def tail_of(operator: OperatorInfo, settings: Settings, file: Path | None = None) -> Tail | None:
    """Return how the rate of false positives falls with the cosine, by the calibration of the encoder of an index.

    Args:
        operator: of the index.
        settings: as for ``copy_threshold``.
        file: as for ``copy_threshold``.

    Returns:
        None if there is no calibration of this encoder, or it has fewer than two thresholds.

    Raises:
        UsageError: the file is none of this encoder.
    """
    calibration = calibration_from(file, operator) if file else calibration_of(operator, settings)
    points = [(float(each["fpr"]), float(each["similarity"])) for each in (calibration or {}).get("thresholds", [])]
    return tail_through(*sorted(points)[:2]) if len(points) > 1 else None


@dataclass(frozen=True)
class CopyThresholds:
    """From which cosine of the nearest pair of vectors on a picture is a copy; None where it is not known.

    Attributes:
        plain: of a query with one vector.
        thorough: of one with several views, which have more chances to be alike.
    """

    plain: float | None
    thorough: float | None

    def of(self, views: int) -> float | None:
        """The threshold of a query with so many vectors."""
        return self.thorough if views > 1 else self.plain


def copy_thresholds(
    operator: OperatorInfo, settings: Settings, *, fpr: float = DEFAULT_FPR, file: Path | None = None
) -> CopyThresholds:
    """Return the thresholds of the encoder that an index was made with, for the parts that it has; loads no model.

    A search does not fail for lack of a threshold, unless one was asked for by a rate or a file: the log says why there
    is none.

    Args:
        operator: of the index.
        settings: the operator that they configure is asked for its card, if it is this encoder.
        fpr: the false-positive rate that is accepted, of pairs of a query and a picture.
        file: ``calibration.json`` of ``visop evaluate`` in place of the card.

    Returns:
        None for both if there is no calibration of this encoder, or none for ``DEFAULT_FPR``.

    Raises:
        UsageError: the calibration has no threshold for another rate, or the file is none of this encoder.
    """
    try:
        calibration = calibration_from(file, operator) if file else calibration_of(operator, settings)
        if calibration is None:
            return CopyThresholds(None, None)
        thresholds = [scheme_threshold(calibration, operator.parts, fpr, thorough=each) for each in (False, True)]
        return CopyThresholds(*thresholds)
    except UsageError as error:
        if file or fpr != DEFAULT_FPR:
            raise
        logger.warning("no verdict on copies: %s", error)
        return CopyThresholds(None, None)


def copy_threshold(
    operator: OperatorInfo, settings: Settings, *, fpr: float = DEFAULT_FPR, file: Path | None = None
) -> float | None:
    """Return the threshold of one whole picture with another. Arguments and errors are those of ``copy_thresholds``."""
    return copy_thresholds(replace(operator, parts=""), settings, fpr=fpr, file=file).plain


def knows_only_copies(operator: OperatorInfo, settings: Settings) -> bool:
    """Whether an encoder was trained to know pictures again, and nothing of what is on them; by its card.

    Of such an encoder, what is nearest and no copy is nothing that a person would call alike. Known only of the encoder
    that the settings configure; of others, False.
    """
    if settings.weights in ("imagenet", "random"):
        return False
    selection = Selection.of(settings)
    header = selection.weights.header
    trained: Any = header.card.get("settings") if header else None
    is_of_pictures = isinstance(trained, Mapping) and trained.get("labels") == "pictures"
    return is_of_pictures and operator.fingerprint in selection.fingerprints()

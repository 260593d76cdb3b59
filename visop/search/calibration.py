"""Find the calibrated cosine from which two pictures count as copies, for the encoder of an index."""

from __future__ import annotations

import logging
from pathlib import Path

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.evaluation.compare import calibration_from, calibration_of, trust_of
from visop.search.background import Tail, tail_through
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


def copy_threshold(
    operator: OperatorInfo, settings: Settings, *, fpr: float = DEFAULT_FPR, file: Path | None = None
) -> float | None:
    """Return the threshold of the encoder that an index was made with; loads no model.

    A search does not fail for lack of a threshold, unless one was asked for by a rate or a file: the log says why there
    is none.

    Args:
        operator: of the index.
        settings: the operator that they configure is asked for its card, if it is this encoder.
        fpr: the false-positive rate that is accepted.
        file: ``calibration.json`` of ``visop evaluate`` in place of the card.

    Returns:
        A cosine; None if there is no calibration of this encoder, or none for ``DEFAULT_FPR``.

    Raises:
        UsageError: the calibration has no threshold for another rate, or the file is none of this encoder.
    """
    try:
        calibration = calibration_from(file, operator) if file else calibration_of(operator, settings)
        return None if calibration is None else trust_of(calibration, fpr).threshold
    except UsageError as error:
        if file or fpr != DEFAULT_FPR:
            raise
        logger.warning("no verdict on copies: %s", error)
        return None

"""Find the calibrated cosine from which two pictures count as copies, for the encoder of an index."""

from __future__ import annotations

import logging
from pathlib import Path

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.evaluation.compare import calibration_from, calibration_of, trust_of
from visop.settings import Settings

logger = logging.getLogger(__name__)

#: One of a thousand pairs of different pictures passes for a copy.
DEFAULT_FPR = 1e-3


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

"""OpenCV, which is imported when it is first needed: it is large, and only proofs of copies need it here."""

from __future__ import annotations

import importlib.util
from typing import Any

from visop.errors import UsageError


def has_opencv() -> bool:
    """Whether OpenCV is installed; does not import it."""
    return importlib.util.find_spec("cv2") is not None


def opencv() -> Any:
    """Return the module ``cv2``. Raises UsageError if it is not installed."""
    try:
        import cv2
    except ModuleNotFoundError:
        raise UsageError("", "", "OpenCV is not installed, which proofs take: pip install 'visop[tools]'") from None
    return cv2

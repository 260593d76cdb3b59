"""OpenVINO, imported where it is needed, and always without its telemetry."""

from __future__ import annotations

import importlib.util
from typing import Any

from visop.errors import UsageError
from visop.models.telemetry import switch_off_telemetry


def openvino() -> Any:
    """Return the module ``openvino``.

    Raises:
        UsageError: it is not installed.
    """
    if importlib.util.find_spec("openvino") is None:
        raise UsageError("", "", "openvino is not installed: pip install 'visop[cpu]'")
    switch_off_telemetry()
    import openvino as module

    return module

"""OpenVINO, imported where it is needed, and always without its telemetry."""

from __future__ import annotations

from typing import Any

from visop.errors import UsageError
from visop.models.telemetry import switch_off_telemetry


def openvino() -> Any:
    """Return the module ``openvino``.

    Raises:
        UsageError: it is not installed.
    """
    switch_off_telemetry()
    try:
        import openvino as module
    except ModuleNotFoundError:
        raise UsageError("", "", "openvino is not installed: pip install 'visop[cpu]'") from None
    return module

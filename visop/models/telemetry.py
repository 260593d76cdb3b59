"""No telemetry. OpenVINO sends a usage event on import, from a fork of the process, and writes below ``~/intel``.

A server that promises to open connections only to the URLs it is asked to fetch, and to write nothing, does neither.
"""

from __future__ import annotations

import sys


def switch_off_telemetry() -> None:
    """Make OpenVINO take its own stub instead; must come before OpenVINO (or Keras on it) is imported."""
    # None makes `import openvino_telemetry` fail, for which OpenVINO is prepared (tools/ovc/telemetry_utils.py).
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # documented in importlib

"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota_file: Path = _QUOTA) -> int:
    """Count the cores that the scheduler and the container's quota leave to this process; at least 1.

    A container's CPU limit is a quota of time, not fewer cores. Runtimes see all cores of the node, start a thread on
    each, and are then stopped for most of every period (https://github.com/openvinotoolkit/openvino/issues/37838).

    Args:
        quota_file: ``cpu.max`` of cgroup v2, two numbers in microseconds or ``max``; may be missing.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores

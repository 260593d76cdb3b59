"""What there is of a processor: cores that this process may use, and instructions."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CPUINFO = Path("/proc/cpuinfo")


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


def has_any_instructions(*names: str, cpuinfo: Path = _CPUINFO) -> bool:
    """Whether the processor has one of these instruction sets, as Linux calls them; elsewhere it is never known.

    Args:
        names: such as ``avx512_bf16``.
        cpuinfo: ``/proc/cpuinfo``; may be missing.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return not set(names).isdisjoint(flags)

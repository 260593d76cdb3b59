"""The processor: how many cores this process may use, and which instruction sets there are."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CPUINFO = Path("/proc/cpuinfo")


def usable_cores(quota_file: Path = _QUOTA) -> int:
    """Count the cores that CPU affinity and the container's quota leave to this process; at least 1.

    A container's CPU limit is a quota of CPU time and hides no cores. A runtime that starts a thread on each core of
    the node is then throttled for most of every period (https://github.com/openvinotoolkit/openvino/issues/37838).

    Args:
        quota_file: ``cpu.max`` of cgroup v2: the quota, in microseconds or ``max``, and the period in microseconds. If
            the file is missing, there is no quota.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def has_any_instructions(*names: str, cpuinfo: Path = _CPUINFO) -> bool:
    """Return whether the processor has one of these instruction sets; always False on systems other than Linux.

    Args:
        names: instruction sets by their names in Linux, such as ``avx512_bf16``.
        cpuinfo: ``/proc/cpuinfo``; if it is missing, the result is False.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return not set(names).isdisjoint(flags)

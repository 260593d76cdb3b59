"""What this process may use of the machine: cores and memory; and which instruction sets there are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CPUINFO = Path("/proc/cpuinfo")
_CGROUPS, _OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


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


def memory_limit(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int | None:
    """The memory that this process may use, in bytes: the least of its cgroups' limits and of what the machine has.

    Args:
        root: where cgroups are mounted: version 2 (``memory.max``), or version 1 (``memory/memory.limit_in_bytes``).
        own: ``/proc/self/cgroup``: which cgroup is that of this process. In a container it is often the root.

    Returns:
        None if nothing says so, as on Windows.
    """
    limits = [_read_number(path) for path in (root / "memory/memory.limit_in_bytes", *_cgroup_files(root, own))]
    with suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((limit for limit in limits if limit), default=None)


def _cgroup_files(root: Path, own: Path) -> Iterator[Path]:
    """``memory.max`` of the process' cgroup of version 2, and of those that it is in."""
    yield root / "memory.max"
    with suppress(OSError):
        for line in own.read_text().splitlines():
            number, _, path = line.split(":", 2)
            parts = Path(path.strip("/")).parts if number == "0" else ()
            yield from (root.joinpath(*parts[: i + 1], "memory.max") for i in range(len(parts)))


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # missing, or ``max``
        return None


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

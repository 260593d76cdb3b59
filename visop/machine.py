"""What this process may use of the machine: cores and memory; and which instruction sets there are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_CGROUPS, _OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int:
    """Count the cores that CPU affinity and the quotas of its cgroups leave to this process; at least 1.

    A container's CPU limit is a quota of CPU time and hides no cores. A runtime that starts a thread on each core of
    the node is then throttled for most of every period (https://github.com/openvinotoolkit/openvino/issues/37838).

    Args:
        root: where cgroups are mounted: version 2 (``cpu.max``), or version 1 (``cpu/cpu.cfs_quota_us``).
        own: as of ``memory_limit``.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _cgroups("cpu", root, own)]
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas if quota)]))


def memory_limit(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int | None:
    """The memory that this process may use, in bytes: the least of its cgroups' limits and of what the machine has.

    Args:
        root: where cgroups are mounted: version 2 (``memory.max``), or version 1 (``memory/memory.limit_in_bytes``).
        own: ``/proc/self/cgroup``: which cgroups are those of this process. In a container it is often the root.

    Returns:
        None if nothing says so, as on Windows.
    """
    names = "memory.max", "memory.limit_in_bytes"
    limits = [_read_number(folder / name) for folder in _cgroups("memory", root, own) for name in names]
    with suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((limit for limit in limits if limit), default=None)


def _cgroups(controller: str, root: Path, own: Path) -> Iterator[Path]:
    """The folders of the process' cgroups that may limit it, and of those that they are in.

    A line of ``/proc/self/cgroup`` is ``0::/PATH`` in version 2, ``NUMBER:CONTROLLERS:/PATH`` in version 1: cgroups(7).
    """
    yield from (root, root / controller)
    with suppress(OSError):
        for line in own.read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" or controller in controllers.split(","):
                parts = Path(path.strip("/")).parts
                mounted = root if number == "0" else root / controller
                yield from (mounted.joinpath(*parts[: i + 1]) for i in range(len(parts)))


def _quota(folder: Path) -> float | None:
    """The cores that a cgroup may use; None if it may use all."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota) / int(period)
    quota_us, period_us = _read_number(folder / "cpu.cfs_quota_us"), _read_number(folder / "cpu.cfs_period_us")
    return quota_us / period_us if quota_us and quota_us > 0 and period_us else None


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

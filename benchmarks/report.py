"""Format what every benchmark prints: the facts of the machine, and a Markdown table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("openvino", "keras", "tensorflow", "tensorflow_cpu", "pillow", "grpcio", "numpy")
# The instruction sets that decide whether reduced precision is faster.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")


def machine_facts() -> str:
    """Return processor, cores, memory, versions and load in three lines.

    The load average shows whether the machine was quiet enough for the numbers to be meaningful.
    """
    facts = _cpu_facts()
    flags = facts.get("flags", "").split()
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpu = f"{facts.get('model name', platform.machine())}, family {facts.get('cpu family')}, model {facts.get('model')}"
    return "\n".join(
        (
            (
                f"Machine: {cpu}; {len(os.sched_getaffinity(0))} cores; {gib:.0f} GiB; {platform.system()}; "
                f"{' '.join(flag for flag in _INSTRUCTIONS if flag in flags)}"
            ),
            f"Versions: python {platform.python_version()}, {', '.join(_versions())}",
            f"Load average before the start: {os.getloadavg()[0]:.2f} (1 min), {os.getloadavg()[1]:.2f} (5 min)",
        )
    )


def _cpu_facts() -> dict[str, str]:
    first_core = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first_core.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _versions() -> Iterable[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def memory_mib() -> tuple[int, int]:
    """Resident memory of this process: all of it, and what is no file."""
    found = dict(line.split()[:2] for line in Path("/proc/self/status").read_text().splitlines() if "kB" in line)
    return int(found["VmRSS:"]) // 1024, int(found["RssAnon:"]) // 1024


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table with the first column aligned left and the others, which hold numbers, right."""
    ruler = [":--", *("--:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of all values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -int(-len(ranked) * percent // 100) - 1)]


def median_and_range(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Format median and range, such as ``24.1 (23.8-24.3)``; the range shows how noisy the machine was."""
    return f"{form(statistics.median(values))} ({form(min(values))}-{form(max(values))})"

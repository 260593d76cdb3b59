"""What of a machine decides how many workers serve: its cores by NUMA node, and its GPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from visop.machine import usable_cores


@dataclass(frozen=True)
class MachineFacts:
    """What this process may use of a machine.

    Attributes:
        nodes: the numbers of the CPUs of each NUMA node. A node without CPUs for this process is left out.
        cores: how many of them it may use at once; fewer than CPUs if a quota says so.
        gpus: what ``CUDA_VISIBLE_DEVICES`` calls each NVIDIA GPU.
    """

    nodes: tuple[tuple[int, ...], ...]
    cores: int
    gpus: tuple[str, ...] = ()

    @classmethod
    def of_this_machine(cls, environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> MachineFacts:
        """Read them.

        Args:
            environ: where ``CUDA_VISIBLE_DEVICES`` may be.
            root: of the file system, with ``sys`` and ``dev``.
        """
        affinity = getattr(os, "sched_getaffinity", None)
        cpus = affinity(0) if affinity else set(range(os.cpu_count() or 1))
        return cls(_nodes(root / "sys/devices/system/node", cpus), usable_cores(), _gpus(environ, root / "dev"))


def _nodes(folder: Path, cpus: set[int]) -> tuple[tuple[int, ...], ...]:
    """Of the CPUs, those of each node: ``node0/cpulist`` and so on. All are one node if the system names none."""
    found = []
    for node in sorted(folder.glob("node[0-9]*"), key=lambda each: int(each.name.removeprefix("node"))):
        with suppress(OSError, ValueError):
            found.append(tuple(sorted(cpus & cpus_of((node / "cpulist").read_text()))))
    nodes = tuple(filter(None, found))
    return nodes if sum(map(len, nodes)) == len(cpus) else (tuple(sorted(cpus)),)


def cpus_of(text: str) -> set[int]:
    """Read a list of CPUs as Linux writes it, such as ``0-3,8``.

    Raises:
        ValueError: it is none.
    """
    cpus: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def _gpus(environ: Mapping[str, str], dev: Path) -> tuple[str, ...]:
    """As CUDA sees them: what follows an entry that is none is not seen.

    https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
    """
    if "CUDA_VISIBLE_DEVICES" not in environ:
        numbers = sorted(int(each.name.removeprefix("nvidia")) for each in dev.glob("nvidia[0-9]*"))
        return tuple(str(place) for place in range(len(numbers)))
    seen: list[str] = []
    for each in environ["CUDA_VISIBLE_DEVICES"].split(","):
        if not each.strip() or each.strip() == "-1":
            break
        seen.append(each.strip())
    return tuple(seen)

"""How many workers serve, and what of the machine each has: decided by the settings and the facts alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from visop.serving.bytes_in_flight import most_bytes_in_flight
from visop.serving.large_pictures import most_large_bytes
from visop.serving.workers.machine_facts import MachineFacts
from visop.settings import Settings

# Of a worker on CPUs, unless their number is asked for. With fewer cores than the least, a process of its own takes
# more than it gives; above the most, what Python does on one core at a time holds the others up.
_LEAST_CORES, _MOST_CORES = 8, 32


@dataclass(frozen=True)
class WorkerShare:
    """What one worker has.

    Attributes:
        number: of the worker, from 0.
        cores: that its threads are made for.
        cpus: the CPUs that it runs on, by number; empty leaves it all.
        gpu: its GPU, as ``CUDA_VISIBLE_DEVICES`` says it; empty leaves that as it is.
    """

    number: int
    cores: int
    cpus: tuple[int, ...] = ()
    gpu: str = ""


def plan_workers(settings: Settings, facts: MachineFacts) -> tuple[WorkerShare, ...]:
    """The workers to start; none, if this process is to serve alone."""
    gpus = () if settings.device == "cpu" else facts.gpus
    count = int(settings.workers) if settings.workers != "auto" else _count(settings, facts, gpus)
    if count == 1:
        return ()
    if gpus:
        cores = max(1, facts.cores // count)
        return tuple(WorkerShare(number, cores, gpu=gpus[number % len(gpus)]) for number in range(count))
    total = sum(map(len, facts.nodes))
    slices = cpu_slices(facts.nodes, count)
    return tuple(
        WorkerShare(number, max(1, math.floor(facts.cores * len(cpus) / total)), cpus)
        for number, cpus in enumerate(slices)
    )


def _count(settings: Settings, facts: MachineFacts, gpus: Sequence[str]) -> int:
    if gpus:
        return len(gpus)
    if settings.encoder:  # the model is elsewhere
        return 1
    wanted = sum(math.ceil(len(node) / _MOST_CORES) for node in facts.nodes)
    return max(1, min(wanted, facts.cores // _LEAST_CORES))


def cpu_slices(nodes: Sequence[tuple[int, ...]], count: int) -> list[tuple[int, ...]]:
    """Divide the CPUs of NUMA nodes among so many workers, so that as few as possible have CPUs of several nodes."""
    if count <= len(nodes):
        bounds = [len(nodes) * number // count for number in range(count + 1)]
        return [sum(nodes[low:high], ()) for low, high in itertools.pairwise(bounds)]
    slices = []
    for place, node in enumerate(nodes):
        parts = sum(number * len(nodes) // count == place for number in range(count))
        slices += [_part(node, number, parts) for number in range(parts)]
    return slices


def _part(cpus: tuple[int, ...], number: int, parts: int) -> tuple[int, ...]:
    """One of so many parts; at least one CPU, which others may have, too."""
    part = cpus[len(cpus) * number // parts : len(cpus) * (number + 1) // parts]
    return part or (cpus[number % len(cpus)],)


def settings_of_worker(settings: Settings, share: WorkerShare, count: int) -> Settings:
    """The settings of one of so many workers: what all share is divided, and threads are for its cores."""
    return replace(
        settings,
        threads=settings.threads or share.cores,
        decode_workers=settings.decode_workers or share.cores,
        fetch_workers=math.ceil(settings.fetch_workers / count),
        max_large_bytes=max(1, most_large_bytes(settings) // count),
    )


def settings_of_front(settings: Settings, count: int) -> Settings:
    """The settings of the process before so many workers; without any, those of a process that serves alone.

    With workers, a message is held twice: here, and by one of them.
    """
    if not count:
        return replace(settings, workers="1")
    most = max(settings.max_message_bytes, most_bytes_in_flight(settings) // 2)
    return replace(settings, workers=str(count), max_bytes_in_flight=settings.max_bytes_in_flight or most)

"""Search in numbers: recall against brute force, speed of indexing against the bare encoder, latency, memory.

    python -m benchmarks.search                                  20,000 pictures, 200 transformed queries
    python -m benchmarks.search --pictures 500 --memory 2000     # does it still run?

First memory, as ``benchmarks.index_memory`` measures it, then the rest with the configured encoder and Milvus Lite in
this process. Pictures are generated once, into --folder, and used again. Seconds of CPU are those of all threads: on a
machine that is not quiet they say more than the rates.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from benchmarks.index_memory import DEFAULT_PICTURES, memory_table, resident_mib
from benchmarks.report import machine_facts
from opkit.cores import usable_cores
from opkit.encode.inputs import read_input
from opkit.encode.local import LocalEncoder, open_local
from opkit.encode.vector_file import Origin
from opkit.errors import OperatorError
from opkit.pictures.generate import generate_folder
from opkit.pictures.transformations import TRANSFORMATIONS
from opkit.search.encoders import Encoders
from opkit.search.index import Index
from opkit.settings import Settings, load_settings

_K = 10
_SAMPLE_S = 0.2


@dataclass(frozen=True)
class Cost:
    """What a number of pictures took.

    Attributes:
        cpu_s: of all threads of this process.
        last_s: from the last picture to the end.
    """

    pictures: int
    wall_s: float
    cpu_s: float
    last_s: float = 0.0

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.pictures / self.wall_s

    def __str__(self) -> str:
        return f"{self.rate:8.1f} pictures/s, {1000 * self.cpu_s / self.pictures:.2f} ms of CPU each"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000, help="default: 20000")
    parser.add_argument("--queries", type=int, default=200, help="default: 200")
    parser.add_argument("--memory", type=int, default=DEFAULT_PICTURES, help="pictures for memory; 0 leaves it out")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "opkit-benchmark-search")
    parser.add_argument("--uri", default="", help="a Milvus in place of Milvus Lite")
    arguments = parser.parse_args()
    print(machine_facts(), flush=True)
    if arguments.memory:
        print(f"\n{memory_table(arguments.memory)}\n", flush=True)
    paths = make_pictures(arguments.folder / "pictures", arguments.pictures)
    settings = load_settings(os.environ).settings
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        settings = replace(settings, cache_dir=Path(scratch) / "cache")
        measure(paths, arguments.queries, arguments.uri or f"{scratch}/search.db", settings)


def make_pictures(folder: Path, count: int) -> list[Path]:
    """Generated pictures; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    generate_folder(folder, count, size=256, seed=0, processes=usable_cores())
    return sorted(folder.glob("*.jpg"))[:count]


def measure(paths: Sequence[Path], queries: int, uri: str, settings: Settings) -> None:
    with open_local(settings) as encoder:
        bare, vectors = encode_bare(encoder, paths, settings)
        members = Encoders(Origin.of(encoder.info), settings.max_image_bytes, {"here": encoder})
        with Index.open(uri, "benchmark", settings=settings, encoders=members) as index:
            with memory_curve() as curve:
                cost, again_s = add(index, paths)
            chosen = [int(number) for number in np.linspace(0, len(paths) - 1, min(queries, len(paths)))]
            images = list(transformed(paths, chosen))
            recall, first, latencies = search(index, images, chosen, paths, vectors)
            print(f"encoder        {encoder.info.fingerprint}, {encoder.info.dimension} dimensions")
            print(f"pictures       {index.count():,} in an index of type {index.collection.index_type.kind}")
    report(bare, cost, again_s, recall, first, latencies, curve)


def encode_bare(
    encoder: LocalEncoder, paths: Sequence[Path], settings: Settings
) -> tuple[Cost, np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Files through the encoder and nothing else; and the vectors, for the exact answer."""
    warm = (read_input(str(path), settings.max_image_bytes) for path in paths[:64])
    list(encoder.encode_stream(warm, batch=16))
    started, cpu_started = time.perf_counter(), time.process_time()
    data = (read_input(str(path), settings.max_image_bytes) for path in paths)
    rows = list(encoder.encode_stream(data, batch=16))
    cost = Cost(len(paths), time.perf_counter() - started, time.process_time() - cpu_started)
    bad = [row for row in rows if isinstance(row, OperatorError)]
    if bad:
        raise bad[0]
    return cost, np.stack([row for row in rows if not isinstance(row, OperatorError)])


def add(index: Index, paths: Sequence[Path]) -> tuple[Cost, float]:
    """Pictures into the index, its building included; then how long it takes to see that nothing changed."""
    names = [str(path) for path in paths]
    done_at: list[float] = []
    started, cpu_started = time.perf_counter(), time.process_time()
    index.add(names, on_done=lambda: done_at.append(time.perf_counter()))
    ended = time.perf_counter()
    cost = Cost(len(paths), ended - started, time.process_time() - cpu_started, ended - max(done_at))
    index.add(names)
    return cost, time.perf_counter() - ended


def transformed(paths: Sequence[Path], chosen: Sequence[int]) -> Iterator[np.ndarray]:
    """One transformation after the other, each of another picture."""
    for number, transformation in zip(chosen, itertools.cycle(TRANSFORMATIONS.values()), strict=False):
        picture = PILImage.open(paths[number]).convert("RGB")
        yield np.asarray(transformation.apply(picture, np.random.default_rng(number)).convert("RGB"))


def search(
    index: Index,
    images: Sequence[np.ndarray],
    chosen: Sequence[int],
    paths: Sequence[Path],
    vectors: np.ndarray,
) -> tuple[float, float, list[float]]:
    """Share of the exact ten neighbours that are found, share of originals found first, seconds of each search."""
    found, originals, latencies = 0, 0, []
    for image, number in zip(images, chosen, strict=True):
        query = index.encode(image)
        started = time.perf_counter()
        matches = index.search_vector(query, _K)
        latencies.append(time.perf_counter() - started)
        similar = vectors @ query
        # Whatever is as near as the tenth neighbour is a right answer: identical vectors have no order.
        least = np.sort(similar)[-min(_K, len(similar))] - 1e-5
        found += sum(match.cosine >= least for match in matches)
        originals += str(paths[number]) in matches[0].picture.names
    return found / (min(_K, len(vectors)) * len(images)), originals / len(images), latencies


@contextmanager
def memory_curve() -> Iterator[list[tuple[float, float]]]:
    """Resident memory of this process, in MiB, every fifth of a second, against the seconds."""
    curve: list[tuple[float, float]] = []
    stop = threading.Event()
    started = time.perf_counter()

    def watch() -> None:
        while not stop.wait(_SAMPLE_S):
            curve.append((time.perf_counter() - started, resident_mib()))

    thread = threading.Thread(target=watch, daemon=True)
    curve.append((0.0, resident_mib()))
    thread.start()
    try:
        yield curve
    finally:
        stop.set()
        thread.join()


def report(
    bare: Cost,
    cost: Cost,
    again_s: float,
    recall: float,
    first: float,
    latencies: Sequence[float],
    curve: Sequence[tuple[float, float]],
) -> None:
    p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
    print(f"bare encoder   {bare}")
    print(f"indexing       {cost}: {cost.rate / bare.rate:.1%} of the rate of the bare encoder")
    print(f"last writes    {cost.last_s:8.2f} s of that, with building the index, after the last picture")
    print(f"again          {again_s:8.2f} s to find that nothing changed")
    print(f"recall@{_K}      {recall:8.4f} of the exact neighbours")
    print(f"original first {first:8.4f} of the transformed queries")
    print(f"search         {p50:8.1f} ms p50, {p99:.1f} ms p99")
    print("memory         " + ", ".join(f"{mib:.0f} MiB at {at:.0f} s" for at, mib in _tenths(curve)))


def _tenths(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [curve[int(number)] for number in np.linspace(0, len(curve) - 1, min(11, len(curve)))]


if __name__ == "__main__":
    main()

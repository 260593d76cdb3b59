"""Measure search: recall against brute force, indexing speed against the bare encoder, latency and memory.

    python -m benchmarks.search                                  # 20,000 pictures, 200 transformed queries
    python -m benchmarks.search --pictures 500 --memory 2000     # a quick check that it still runs

Memory is measured first, as in ``benchmarks.index_memory``; then the rest, with the configured encoder and an
index in a file. Pictures are generated once, into --folder, and reused. The speed of a shared machine changes from
minute to minute, so each indexing run is placed between two runs of the bare encoder and compared with their mean. CPU
time is that of all threads.

The search is measured with the index type that visop chooses for that number of pictures, and with the other one.
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

from benchmarks.index_memory import DEFAULT_PICTURES, memory_table
from benchmarks.report import machine_facts, memory_mib
from visop.encoding.local import LocalEncoder, open_local
from visop.encoding.pool import Encoders
from visop.errors import VisopError
from visop.machine import usable_cores
from visop.search.index import Index
from visop.settings import Settings, load_settings
from visop.sources import read_input
from visop.synthetic.generate import generate_folder
from visop.synthetic.transformations import TRANSFORMATIONS

_K = 10
_BATCH = 16
_SAMPLE_S = 0.2


@dataclass(frozen=True)
class Cost:
    """The time that a number of pictures took.

    Attributes:
        pictures: number of pictures.
        wall_s: elapsed time in seconds.
        cpu_s: CPU time of all threads of this process, in seconds.
        last_s: time from the last picture to the end, in seconds.
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
    parser.add_argument("--rounds", type=int, default=3, help="rounds of indexing; default: 3")
    parser.add_argument("--memory", type=int, default=DEFAULT_PICTURES, help="pictures for the memory; 0 skips it")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "visop-benchmark-search")
    parser.add_argument("--uri", default="", help="use this Milvus instead of a file")
    arguments = parser.parse_args()
    print(machine_facts(), flush=True)
    if arguments.memory:
        print(f"\n{memory_table(arguments.memory)}\n", flush=True)
    paths = make_pictures(arguments.folder / "pictures", arguments.pictures)
    settings = load_settings(os.environ).settings
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        settings = replace(settings, cache_dir=Path(scratch) / "cache")
        uris = [arguments.uri or f"{scratch}/{number}.db" for number in range(arguments.rounds)]
        measure(paths, arguments.queries, uris, settings)


def make_pictures(folder: Path, count: int) -> list[Path]:
    """Generate pictures in a folder, keeping existing ones, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    generate_folder(folder, count, size=256, seed=0, processes=usable_cores())
    return sorted(folder.glob("*.jpg"))[:count]


def measure(paths: Sequence[Path], queries: int, uris: Sequence[str], settings: Settings) -> None:
    with open_local(settings) as encoder:
        members = Encoders(encoder.info, settings.max_image_bytes, {"here": encoder})
        list(encoder.encode_stream(_read(paths[:64], settings), batch=_BATCH))
        print(f"encoder        {encoder.info.fingerprint}, {encoder.info.dimension} dimensions", flush=True)
        cost, vectors = encode_bare(encoder, paths, settings)
        bare, indexed = [cost], []
        for number, uri in enumerate(uris):
            # Each run starts from scratch, without the cache of unchanged files.
            fresh = replace(settings, cache_dir=settings.cache_dir / str(number))
            with Index.open(uri, f"benchmark_{number}", settings=fresh, encoders=members) as index:
                with memory_curve() as curve:
                    cost, again_s = add(index, paths)
                indexed.append(cost)
                if number == len(uris) - 1:
                    chosen = [int(each) for each in np.linspace(0, len(paths) - 1, min(queries, len(paths)))]
                    images = list(transformed(paths, chosen))
                    measure_search(index, images, chosen, paths, vectors)
            bare.append(encode_bare(encoder, paths, settings)[0])
    report(bare, indexed, again_s, curve)


def measure_search(
    index: Index, images: Sequence[np.ndarray], chosen: Sequence[int], paths: Sequence[Path], vectors: np.ndarray
) -> None:
    """Measure the search with the index as it is, and with the other type."""
    count = index.count()
    print(f"pictures       {count:,}")
    search_table(index, search(index, images, chosen, paths, vectors))
    other = "HNSW" if "://" in index.uri else "IVF_SQ8"
    if not str(index.collection.index_type).startswith(other):
        started, cpu_started = time.perf_counter(), time.process_time()
        index.collection.tune(other)
        took = f"{time.perf_counter() - started:.1f} s, {time.process_time() - cpu_started:.1f} s of CPU"
        print(f"               {other} built in {took}")
        search_table(index, search(index, images, chosen, paths, vectors))


def search_table(index: Index, measured: tuple[float, float, list[float]]) -> None:
    recall, first, latencies = measured
    p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
    kind = str(index.collection.index_type).partition(":")[0]
    print(f"{kind:<14} recall@{_K} {recall:.4f} of the exact neighbours; the original is first for {first:.4f}")
    print(f"{'':<14} search {p50:.1f} ms p50, {p99:.1f} ms p99", flush=True)


def encode_bare(
    encoder: LocalEncoder, paths: Sequence[Path], settings: Settings
) -> tuple[Cost, np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Encode files without indexing; return the cost, and the vectors for the exact search."""
    started, cpu_started = time.perf_counter(), time.process_time()
    rows = list(encoder.encode_stream(_read(paths, settings), batch=_BATCH))
    cost = Cost(len(paths), time.perf_counter() - started, time.process_time() - cpu_started)
    print(f"bare encoder   {cost}", flush=True)
    bad = [row for row in rows if isinstance(row, VisopError)]
    if bad:
        raise bad[0]
    return cost, np.stack([row for row in rows if not isinstance(row, VisopError)])


def _read(paths: Sequence[Path], settings: Settings) -> Iterator[bytes | str | VisopError]:
    return (read_input(str(path), settings.max_image_bytes) for path in paths)


def add(index: Index, paths: Sequence[Path]) -> tuple[Cost, float]:
    """Index pictures; return the cost, including building the index, and the seconds of a run without changes."""
    names = [str(path) for path in paths]
    done_at: list[float] = []
    started, cpu_started = time.perf_counter(), time.process_time()
    index.add(names, on_done=lambda: done_at.append(time.perf_counter()))
    ended = time.perf_counter()
    cost = Cost(len(paths), ended - started, time.process_time() - cpu_started, ended - max(done_at))
    print(f"indexing       {cost}; {cost.last_s:.2f} s of it after the last picture", flush=True)
    index.add(names)
    return cost, time.perf_counter() - ended


def transformed(paths: Sequence[Path], chosen: Sequence[int]) -> Iterator[np.ndarray]:
    """Transform the chosen pictures, each with the next transformation."""
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
    """Return the share of the exact ten neighbours found, of originals found first, and seconds per search."""
    found, originals, latencies = 0, 0, []
    for image, number in zip(images, chosen, strict=True):
        query = index.encode(image)
        started = time.perf_counter()
        matches = index.search_vector(query, _K)
        latencies.append(time.perf_counter() - started)
        similar = vectors @ query
        # Any picture as near as the tenth neighbour counts as found, because identical vectors have no order.
        least = np.sort(similar)[-min(_K, len(similar))] - 1e-5
        found += sum(match.cosine >= least for match in matches)
        originals += str(paths[number]) in matches[0].picture.names
    return found / (min(_K, len(vectors)) * len(images)), originals / len(images), latencies


@contextmanager
def memory_curve() -> Iterator[list[tuple[float, float]]]:
    """Record the resident memory of this process every fifth of a second, as (seconds, MiB)."""
    curve: list[tuple[float, float]] = []
    stop = threading.Event()
    started = time.perf_counter()

    def watch() -> None:
        while not stop.wait(_SAMPLE_S):
            curve.append((time.perf_counter() - started, memory_mib()[0]))

    thread = threading.Thread(target=watch, daemon=True)
    curve.append((0.0, memory_mib()[0]))
    thread.start()
    try:
        yield curve
    finally:
        stop.set()
        thread.join()


def report(bare: Sequence[Cost], indexed: Sequence[Cost], again_s: float, curve: Sequence[tuple[float, float]]) -> None:
    ratios = [
        2 * cost.rate / (before.rate + after.rate)
        for cost, (before, after) in zip(indexed, itertools.pairwise(bare), strict=True)
    ]
    rates = " to ".join(f"{rate:.1%}" for rate in (min(ratios), max(ratios)))
    print(
        f"index rate     {np.median(ratios):.1%} of that of the bare encoder, median of {len(ratios)} rounds ({rates})"
    )
    print(f"again          {again_s:8.2f} s to find that nothing changed")
    print("memory         " + ", ".join(f"{mib:.0f} MiB at {at:.0f} s" for at, mib in _tenths(curve)))


def _tenths(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [curve[int(number)] for number in np.linspace(0, len(curve) - 1, min(11, len(curve)))]


if __name__ == "__main__":
    main()

"""Search in numbers: recall against brute force, speed of indexing against the bare encoder, latency, memory.

    python benchmarks/search.py                    20,000 generated pictures, 200 transformed queries
    python benchmarks/search.py --pictures 500     a trial

Pictures are generated once, into --folder, and used again. Everything runs in this process, with Milvus Lite.
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
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from opkit.cores import usable_cores
from opkit.encode.inputs import read_input
from opkit.encode.local import LocalEncoder, open_local
from opkit.errors import OperatorError
from opkit.pictures.generate import generate_folder
from opkit.pictures.transformations import TRANSFORMATIONS
from opkit.search.encoders import Encoders, origin_of
from opkit.search.index import Index
from opkit.settings import Settings, load_settings

_K = 10
_SAMPLE_S = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "opkit-benchmark-search")
    parser.add_argument("--uri", default="", help="a Milvus in place of Milvus Lite")
    arguments = parser.parse_args()
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
        members = Encoders(origin_of(encoder.info), settings.max_image_bytes, {"here": encoder})
        with Index.open(uri, "benchmark", settings=settings, encoders=members) as index:
            with memory_curve() as curve:
                rate, again_s = add(index, paths)
            chosen = [int(number) for number in np.linspace(0, len(paths) - 1, min(queries, len(paths)))]
            images = list(transformed(paths, chosen))
            recall, first, latencies = search(index, images, chosen, paths, vectors)
            print(f"encoder        {encoder.info.fingerprint}, {encoder.info.dimension} dimensions")
            print(f"pictures       {index.count():,} in an index of type {index.collection.index_type.kind}")
    report(bare, rate, again_s, recall, first, latencies, curve)


def encode_bare(
    encoder: LocalEncoder, paths: Sequence[Path], settings: Settings
) -> tuple[float, np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Files through the encoder and nothing else: pictures per second, and the vectors for the exact answer."""
    warm = (read_input(str(path), settings.max_image_bytes) for path in paths[:64])
    list(encoder.encode_stream(warm, batch=16))
    started = time.perf_counter()
    data = (read_input(str(path), settings.max_image_bytes) for path in paths)
    rows = list(encoder.encode_stream(data, batch=16))
    elapsed = time.perf_counter() - started
    bad = [row for row in rows if isinstance(row, OperatorError)]
    if bad:
        raise bad[0]
    return len(paths) / elapsed, np.stack([row for row in rows if not isinstance(row, OperatorError)])


def add(index: Index, paths: Sequence[Path]) -> tuple[float, float]:
    """Pictures per second into the index, its building included; then how long it takes to see that nothing changed."""
    names = [str(path) for path in paths]
    started = time.perf_counter()
    index.add(names)
    rate = len(paths) / (time.perf_counter() - started)
    started = time.perf_counter()
    index.add(names)
    return rate, time.perf_counter() - started


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


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def report(
    bare: float,
    rate: float,
    again_s: float,
    recall: float,
    first: float,
    latencies: Sequence[float],
    curve: Sequence[tuple[float, float]],
) -> None:
    p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
    print(f"bare encoder   {bare:8.1f} pictures/s")
    print(f"indexing       {rate:8.1f} pictures/s, {rate / bare:.1%} of the bare encoder")
    print(f"again          {again_s:8.2f} s to find that nothing changed")
    print(f"recall@{_K}      {recall:8.4f} of the exact neighbours")
    print(f"original first {first:8.4f} of the transformed queries")
    print(f"search         {p50:8.1f} ms p50, {p99:.1f} ms p99")
    print("memory         " + ", ".join(f"{mib:.0f} MiB at {at:.0f} s" for at, mib in _tenths(curve)))


def _tenths(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [curve[int(number)] for number in np.linspace(0, len(curve) - 1, min(11, len(curve)))]


if __name__ == "__main__":
    main()

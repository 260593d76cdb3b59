"""Measure what keeps indexes on one machine, side by side: loading, opening, searching with filters, memory, kill -9.

    python -m benchmarks.stores                                   # 1,000,000 vectors of 256 numbers, 4 GB of disk
    python -m benchmarks.stores --vectors 50000                   # a quick check that it still runs
    python -m pip install lancedb; python -m benchmarks.stores    # LanceDB beside it

The vectors are like those of an encoder: points of 32 dimensions around 3,000 centres, through a map that is not
linear, with noise. Half of the queries are new ones, half are near vectors that are there. CPU time is that of all
threads; on a machine that is shared, it says more than the time that elapsed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.report import machine_facts, markdown_table, memory_mib, percentile
from visop.contract import OperatorInfo
from visop.search.schema import Picture, Row
from visop.search.store import Collection, open_store

Floats = npt.NDArray[np.float32]

_DIMENSION, _K, _WIDTHS = 256, 10, 10_000

#: name -> (filter, widths below this meet it).
FILTERS = {"none": 0, "50 %": _WIDTHS // 2, "1 %": _WIDTHS // 100, "0.01 %": 1}


class Candidate(Protocol):
    """A store under test."""

    name: str

    def load(self, chunks: Iterator[tuple[int, Floats, npt.NDArray[np.int64]]]) -> None:
        """Write everything: (first number, vectors, widths) each."""

    def build(self) -> None:
        """Build what it needs to search."""

    def search(self, query: Floats, below: int) -> list[int]:
        """Return the numbers of the nearest, of those with a width below this; 0: of all."""


class Visop:
    """The store of visop: SQLite and FAISS."""

    name = "SQLite and FAISS (visop)"

    def __init__(self, folder: Path) -> None:
        self._store = open_store(str(folder / "visop.db"))
        operator = OperatorInfo("toy", "f", _DIMENSION, "COSINE")
        has = "test" in self._store.indexes()
        self.collection: Collection = self._store.find("test") if has else self._store.create("test", 1, operator)
        self._store.point("test", 1)

    def load(self, chunks: Iterator[tuple[int, Floats, npt.NDArray[np.int64]]]) -> None:
        """As of ``Candidate``."""
        for first, vectors, widths in chunks:
            self.collection.upsert(rows_of(first, vectors, widths))

    def build(self) -> None:
        """As of ``Candidate``."""
        self.collection.tune()

    def search(self, query: Floats, below: int) -> list[int]:
        """As of ``Candidate``."""
        expression = f"width < {below}" if below else ""
        return [int(hit.picture.id, 16) for hit in self.collection.search([query], _K, expression)[0]]


class Lance:
    """LanceDB, IVF_FLAT with so many probes that it finds as much without a filter."""

    name = "LanceDB"

    def __init__(self, folder: Path) -> None:
        import lancedb  # type: ignore[import-not-found,unused-ignore]  # not one of ours
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

        self._arrow = pa
        self._database = lancedb.connect(folder / "lance")
        self._table: Any = None
        if "t" in self._database.table_names():
            self._table = self._database.open_table("t")

    def load(self, chunks: Iterator[tuple[int, Floats, npt.NDArray[np.int64]]]) -> None:
        """As of ``Candidate``."""
        for first, vectors, widths in chunks:
            numbers = range(first, first + len(vectors))
            flat = self._arrow.FixedSizeListArray.from_arrays(self._arrow.array(vectors.ravel()), _DIMENSION)
            names = [[f"/pictures/{number}.jpg"] for number in numbers]
            page = self._arrow.table(
                {"id": [f"{number:064x}" for number in numbers], "names": names, "width": widths, "vector": flat}
            )
            if self._table is None:
                self._table = self._database.create_table("t", page)
            else:
                self._table.add(page)

    def build(self) -> None:
        """As of ``Candidate``."""
        self._table.optimize()
        clusters = int(np.sqrt(self._table.count_rows()))
        self._table.create_index(metric="cosine", index_type="IVF_FLAT", num_partitions=clusters)

    def search(self, query: Floats, below: int) -> list[int]:
        """As of ``Candidate``."""
        found = self._table.search(query).distance_type("cosine").nprobes(64).limit(_K).select(["id", "_distance"])
        if below:
            found = found.where(f"width < {below}", prefilter=True)
        return [int(id_, 16) for id_ in found.to_arrow().column("id").to_pylist()]


CANDIDATES: dict[str, tuple[str, Callable[[Path], Candidate]]] = {
    "visop": ("faiss", Visop),
    "lancedb": ("lancedb", Lance),
}


def made_vectors(count: int, seed: int) -> Iterator[Floats]:
    """Yield vectors of unit length, 50,000 at most at once."""
    maps = np.random.default_rng(99)
    first = maps.standard_normal((32, 128)).astype(np.float32) / 32**0.5
    second = maps.standard_normal((128, _DIMENSION)).astype(np.float32) / 128**0.5
    centres = maps.standard_normal((3000, 32)).astype(np.float32)
    random = np.random.default_rng(seed)
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        points = centres[random.integers(0, 3000, size)] + 0.6 * random.standard_normal((size, 32)).astype(np.float32)
        vectors = np.tanh(1.5 * points @ first) @ second
        vectors += 0.1 * random.standard_normal((size, _DIMENSION)).astype(np.float32)
        yield np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def rows_of(first: int, vectors: Floats, widths: npt.NDArray[np.int64]) -> list[Row]:
    return [
        Row(Picture(f"{number:064x}", (f"/pictures/{number}.jpg",), int(width), 600, 90_000, number, number), vector)
        for number, (vector, width) in enumerate(zip(vectors, widths, strict=True), first)
    ]


def expected(vectors: Floats, widths: npt.NDArray[np.int64], queries: Floats, below: int) -> list[set[int]]:
    """The numbers of the nearest of each query, by comparing all."""
    there = np.flatnonzero(widths < below) if below else np.arange(len(vectors))
    products = [vectors[part] @ queries.T for part in np.array_split(there, max(1, len(there) // 50_000))]
    count = min(_K, len(there))
    best = (np.argpartition(-each, count - 1)[:count] for each in np.concatenate(products).T)
    return [set(there[each].tolist()) for each in best]


def measured(candidate: Candidate, queries: Floats, truth: dict[str, list[set[int]]]) -> Iterator[list[str]]:
    for name, below in FILTERS.items():
        took, found = [], 0
        candidate.search(queries[0], below)
        cpu = time.process_time()
        for query, best in zip(queries, truth[name], strict=True):
            start = time.perf_counter()
            found += len(best & set(candidate.search(query, below)))
            took.append(1000 * (time.perf_counter() - start))
        cpu = 1000 * (time.process_time() - cpu) / len(queries)
        recall = found / max(1, sum(map(len, truth[name])))
        columns = (f"{percentile(took, 50):.1f}", f"{percentile(took, 99):.1f}", f"{cpu:.1f}", f"{recall:.4f}")
        yield [candidate.name, name, *columns]


def killed(folder: Path) -> list[str]:
    """Kill -9 a process that writes, and count what is there; a second process writes meanwhile."""
    command = [sys.executable, "-m", "benchmarks.stores", "--write", str(folder)]
    writers = [subprocess.Popen([*command, start], stdout=subprocess.PIPE, text=True) for start in ("0", "1000000")]
    confirmed = 0
    for writer in writers:
        assert writer.stdout is not None
        while (line := writer.stdout.readline()) and int(line) < 20:
            pass
        writer.send_signal(signal.SIGKILL)
        rest = [line, *writer.stdout.read().split()]
        confirmed += 256 * max(int(each) for each in rest if each.strip())
        writer.wait()
    start = time.perf_counter()
    with open_store(str(folder / "killed.db")) as store:
        there = store.find("test").count()
        took = time.perf_counter() - start
    return [f"{confirmed}", f"{there}", f"{took:.2f}"]


def write(folder: Path, first: int) -> None:
    """Write 256 pictures at a time, and say so, until this process is killed."""
    with open_store(str(folder / "killed.db")) as store:
        with store.changing:
            if "test" not in store.indexes():
                store.create("test", 1, OperatorInfo("toy", "f", _DIMENSION, "COSINE"))
                store.point("test", 1)
        (vectors,) = made_vectors(256, 1)
        for number in range(1000):
            store.find("test").upsert(rows_of(first + 256 * number, vectors, np.zeros(256, np.int64)))
            print(number + 1, flush=True)


def _chunks(path: Path, widths: npt.NDArray[np.int64], size: int) -> Iterator[tuple[int, Floats, Any]]:
    vectors = np.load(path, mmap_mode="r")
    for start in range(0, len(vectors), size):
        yield start, np.array(vectors[start : start + size]), widths[start : start + size]


def _load(name: str, folder: Path, batch: int) -> None:
    """In a process of its own, so that the memory is that of the store."""
    widths = np.load(folder / "widths.npy")
    candidate = CANDIDATES[name][1](folder)
    start, cpu = time.perf_counter(), time.process_time()
    candidate.load(_chunks(folder / "vectors.npy", widths, batch))
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    begun, build_cpu = time.perf_counter(), time.process_time()
    candidate.build()
    built, build_cpu = time.perf_counter() - begun, time.process_time() - build_cpu
    per_s = f"{len(widths) / took:.0f}", f"{len(widths) / cpu:.0f}"
    row = [candidate.name, f"{batch}", *per_s, f"{built:.1f}", f"{build_cpu:.1f}", f"{memory_mib()[1]}"]
    print("\t".join(row), flush=True)


def _search(name: str, folder: Path) -> None:
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy", allow_pickle=True).item()
    start = time.perf_counter()
    candidate = CANDIDATES[name][1](folder)
    candidate.search(queries[0], 0)
    opened = time.perf_counter() - start
    for row in measured(candidate, queries, truth):
        print("\t".join([*row, f"{opened:.2f}", *map(str, memory_mib())]), flush=True)


def _prepare(folder: Path, count: int) -> None:
    if (folder / "truth.npy").exists():
        return
    file = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (count, _DIMENSION))
    done = 0
    for vectors in made_vectors(count, 0):
        file[done : done + len(vectors)] = vectors
        done += len(vectors)
    random = np.random.default_rng(5)
    near = file[random.integers(0, count, 100)] + 0.02 * random.standard_normal((100, _DIMENSION)).astype(np.float32)
    queries = np.concatenate([*made_vectors(100, 77), near])
    queries = np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), np.float32)
    widths = random.integers(0, _WIDTHS, count)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "widths.npy", widths)
    truth = {name: expected(file, widths, queries, below) for name, below in FILTERS.items()}
    np.save(folder / "truth.npy", np.array(truth, dtype=object), allow_pickle=True)


def _table(step: str, name: str, folder: Path, *rest: str) -> list[list[str]]:
    command = [sys.executable, "-m", "benchmarks.stores", step, str(folder), name, *rest]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


_LOADED = ("store", "rows at once", "rows/s", "rows per CPU second", "build s", "CPU s", "MiB")
_SEARCHED = ("store", "filter", "p50 ms", "p99 ms", "CPU ms", "recall@10", "open s", "MiB", "of it no file")
_KILLED = ("confirmed by two killed writers", "there", "open s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000, help="how many")
    parser.add_argument("--batch", type=int, default=1000, help="rows written at once")
    parser.add_argument("--folder", type=Path, help="where what is made stays (default: nowhere)")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--search", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        return write(Path(arguments.write[0]), int(arguments.write[1]))
    if arguments.load:
        return _load(arguments.load[1], Path(arguments.load[0]), arguments.batch)
    if arguments.search:
        return _search(arguments.search[1], Path(arguments.search[0]))
    with tempfile.TemporaryDirectory() as scratch:
        _run(arguments.folder or Path(scratch), arguments.vectors, arguments.batch)
    return None


def _run(folder: Path, count: int, batch: int) -> None:
    folder.mkdir(exist_ok=True)
    print(machine_facts(), flush=True)
    _prepare(folder, count)
    loaded, searched = [], []
    for name, (package, _) in CANDIDATES.items():
        if find_spec(package) is None:
            print(f"{name}: {package} is not installed")
            continue
        loaded += _table("--load", name, folder, "--batch", str(batch))
        print(markdown_table(_LOADED, loaded), flush=True)
        searched += _table("--search", name, folder)
        print(markdown_table(_SEARCHED, searched), flush=True)
    print(markdown_table(_KILLED, [killed(folder)]))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()

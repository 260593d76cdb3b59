"""Measure memory against the number of indexed pictures, in the process that indexes them into a file.

    python -m benchmarks.index_memory
    python -m benchmarks.index_memory --pictures 2000     # a quick check that it still runs

What is measured is all but the encoder: the pictures have 8 x 8 random pixels, and the operator returns random vectors.
Memory that is no file is what the system cannot take back.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.report import machine_facts, markdown_table, memory_mib
from visop.contract import Encoder
from visop.encoding.local import LocalEncoder
from visop.encoding.pool import Encoders
from visop.search.index import Index
from visop.serving.pipeline import Pipeline
from visop.settings import Settings

DEFAULT_PICTURES = 100_000

_READ_AT = (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
_DIMENSION = 256


class Noise(Encoder):
    """An encoder that returns random vectors, whatever the picture."""

    name = "noise"
    dimension = _DIMENSION
    metric_type = "IP"
    fingerprint = "noise-1"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return random vectors, (N, 256) float32; the base class normalises them."""
        return self._rng.standard_normal((len(batch), _DIMENSION), np.float32)


class Curve:
    """Resident memory of this process.

    Attributes:
        points: number of pictures -> MiB, and MiB of it that are no file.
    """

    def __init__(self, last: int) -> None:
        self._last = last
        self._lock = threading.Lock()
        self._done = 0
        self.points = {0: memory_mib()}

    def count(self) -> None:
        """Count a finished picture, and read the memory at chosen numbers of pictures."""
        with self._lock:
            self._done += 1
            if self._done in _READ_AT or self._done == self._last:
                self.points[self._done] = memory_mib()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=DEFAULT_PICTURES, help=f"default: {DEFAULT_PICTURES}")
    arguments = parser.parse_args()
    print(machine_facts(), flush=True)
    print(memory_table(arguments.pictures))


def memory_table(pictures: int) -> str:
    """Generate and index this many pictures; return a Markdown table of the memory meanwhile."""
    with tempfile.TemporaryDirectory(prefix="visop-") as scratch:
        folder = Path(scratch) / "pictures"
        make_small_pictures(folder, pictures)
        curve, seconds = index_pictures(folder, pictures, Path(scratch))
    rows = [(f"{done:,}", *map(str, mib)) for done, mib in curve.points.items()]
    title = f"{pictures:,} pictures without an encoder: {pictures / seconds:.0f} pictures/s"
    return f"{title}\n\n{markdown_table(('pictures', 'MiB', 'of it no file'), rows)}"


def make_small_pictures(folder: Path, count: int) -> None:
    """Write random PNG files of 8 x 8 pixels, with an old modification time, so that their content is cached."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:07}.png"
        PILImage.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
        os.utime(path, (1_600_000_000, 1_600_000_000))


def index_pictures(folder: Path, pictures: int, scratch: Path) -> tuple[Curve, float]:
    """Index a folder; return the memory meanwhile and the seconds that it took."""
    operator, settings = Noise(), replace(Settings(), cache_dir=scratch / "cache")
    with Pipeline(operator, settings) as pipeline:
        encoder = LocalEncoder(operator.info(), pipeline)
        members = Encoders(encoder.info, settings.max_image_bytes, {"noise": encoder})
        with Index.open(f"{scratch}/memory.db", "memory", settings=settings, encoders=members) as index:
            curve = Curve(pictures)
            started = time.perf_counter()
            added = index.add(folder, on_done=curve.count)
            elapsed = time.perf_counter() - started
    if added.new != pictures:
        raise SystemExit(f"{added.new} of {pictures} pictures were indexed")
    return curve, elapsed


if __name__ == "__main__":
    main()

"""Measure the face detector beside the package whose weights it uses.

    python -m benchmarks.faces
    python -m benchmarks.faces --rounds 2 --seconds 3      # a quick look

Both get the same decoded pictures, those with people at several sizes and others without any, one at a time; ours also
eight at a time, as a busy server does. Each lives in a process of its own and takes turns with the others; ratios are
taken within a round, then the median. *Agreement* is of their faces on the pictures with people: how many both find,
and the least overlap of their boxes (intersection over union).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.photos import natural_photos
from benchmarks.report import machine_facts, markdown_table, median_and_range
from visop.contract import Image
from visop.processors.boxes import overlap

Boxes = npt.NDArray[np.float32]

_PEOPLE = ("astronaut", "camera")
_OTHERS = ("chelsea", "coffee", "rocket", "motorcycle_left")
_SIDES = (256, 512, 1024)


@dataclass
class Row:
    """One line of the table: pictures per second and processor time of each, by round."""

    candidate: str
    pool: ProcessPoolExecutor
    batch: int
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    people, others = _pictures()
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, spawn, _prepare, (_theirs, people + others)) as package,
        ProcessPoolExecutor(1, spawn, _prepare, (_ours, people + others)) as visop,
    ):
        agreement = _agreement(*(pool.submit(_find, len(people)).result() for pool in (package, visop)))
        rows = [Row("mtcnn", package, 1), Row("visop", visop, 1), Row("visop, eight at a time", visop, 8)]
        _run(rows, args.rounds, args.seconds)
    print(f"{len(people)} pictures with people and {len(others)} without; {agreement}\n")
    print(_table(rows))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--seconds", type=float, default=8, help="for each row and round; default: 8")
    return parser.parse_args()


def _pictures() -> tuple[list[Image], list[Image]]:
    photos = dict(natural_photos())
    people = [np.asarray(photos[name].resize((side, side))) for name in _PEOPLE for side in _SIDES]
    return people, [np.asarray(photos[name]) for name in _OTHERS]


# The state of a process between calls: what finds the boxes, left, top, right, bottom, of each of several pictures.
_detect: Callable[[Sequence[Image]], list[Boxes]]
_images: list[Image]


def _prepare(load: Callable[[], Callable[[Sequence[Image]], list[Boxes]]], images: list[Image]) -> None:
    global _detect, _images
    _detect, _images = load(), images


def _ours() -> Callable[[Sequence[Image]], list[Boxes]]:
    from visop.processors.faces import Faces

    faces = Faces()
    faces.load()
    return lambda images: [_boxes([each.box for each in found]) for found in faces.bulk_execute(images)]


def _theirs() -> Callable[[Sequence[Image]], list[Boxes]]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from mtcnn import MTCNN  # type: ignore[import-untyped]

    detector = MTCNN()
    return lambda images: [_boxes([each["box"] for each in detector.detect_faces(image)]) for image in images]


def _boxes(found: Sequence[Any]) -> Boxes:
    boxes = np.asarray(found, np.float32).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def _find(count: int) -> list[Boxes]:
    return [_detect([image])[0] for image in _images[:count]]


def _agreement(theirs: Sequence[Boxes], ours: Sequence[Boxes]) -> str:
    pairs = [
        max((float(overlap(box, found[None])[0]) for found in own), default=0.0)
        for each, own in zip(theirs, ours, strict=True)
        for box in each
    ]
    same, extra = sum(pair >= 0.5 for pair in pairs), sum(map(len, ours))
    least = min((pair for pair in pairs if pair >= 0.5), default=0.0)
    return f"of {len(pairs)} faces of mtcnn visop finds {same}, and {extra} in all; least overlap {least:.3f}"


def _run(rows: Sequence[Row], rounds: int, seconds: float) -> None:
    for number in range(rounds + 1):
        for row in rows:
            rate, cpu_ms = row.pool.submit(_drive, row.batch, seconds).result()
            if number == 0:  # a warm-up
                continue
            row.rates.append(rate)
            row.cpu_ms.append(cpu_ms)
            print(f"round {number}: {row.candidate}: {rate:.1f}/s", file=sys.stderr, flush=True)


def _drive(batch: int, seconds: float) -> tuple[float, float]:
    """Pictures per second, and milliseconds of processor time of each; whole turns of all pictures."""
    done, begun, cpu = 0, time.perf_counter(), time.process_time()
    while True:
        for start in range(0, len(_images), batch):
            _detect(_images[start : start + batch])
        done += len(_images)
        if (taken := time.perf_counter() - begun) > seconds:
            break
    return done / taken, (time.process_time() - cpu) * 1000 / done


def _table(rows: Sequence[Row]) -> str:
    header = ("candidate", "pictures/s", "x mtcnn", "processor ms", "mtcnn's")
    return markdown_table(header, [_cells(row, rows[0]) for row in rows])


def _cells(row: Row, package: Row) -> tuple[str, ...]:
    return (
        row.candidate,
        median_and_range(row.rates, lambda rate: f"{rate:.1f}"),
        f"{statistics.median(own / its for own, its in zip(row.rates, package.rates, strict=True)):.1f}",
        f"{statistics.median(row.cpu_ms):.0f}",
        f"{statistics.median(its / own for own, its in zip(row.cpu_ms, package.cpu_ms, strict=True)):.1f} x",
    )


if __name__ == "__main__":
    main()

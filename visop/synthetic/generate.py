"""Generate random pictures from which an encoder can learn to tell natural photos apart.

This works because such pictures need not look real. What matters is that they are as varied as photos and share their
statistics: Baradad et al. 2021, "Learning to See by Looking at Noise" (https://arxiv.org/abs/2106.05963).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from visop.errors import UsageError
from visop.files import whole_file
from visop.machine import usable_cores
from visop.progress import progress_bar
from visop.synthetic.camera import photograph
from visop.synthetic.mixture import FAMILIES, choose_family, finish

# The number of consecutive seeds that may share a style.
SERIES = 8

# Allowed longer sides, in pixels. The upper bound follows from the length of the noise that all fields are cut from.
SIZES = range(32, 1025)

#: Of the file of a picture, by its number.
NAME = "{:06}.jpg"

# To be incremented whenever a seed gives a different picture than before.
EDITION = 2

_RATIOS = (4 / 3, 3 / 2, 1.0, 16 / 9)
_QUALITY = 92


def generate_picture(seed: int, size: int = 256) -> npt.NDArray[np.uint8]:
    """Generate one picture. A seed gives the same picture in every process and with any number of threads.

    Half of the series of eight seeds (0 to 7, 8 to 15, ...) share family, palette, layout and light, and their pictures
    differ in the positions and details of objects. Real galleries contain many similar pictures, and telling those
    apart is the hard part.

    Args:
        seed: from 0.
        size: the longer side, in pixels; one of ``SIZES``.

    Returns:
        (height, width, 3) uint8 RGB, in landscape or portrait format, with a ratio of 4:3, 3:2, 1:1 or 16:9.

    Raises:
        UsageError: the size is out of range.
    """
    check_size(size)
    style, content = _generators(seed)
    ratio = style.choice(_RATIOS)
    width, height = size, round(size / ratio)
    if style.random() < 0.35:
        width, height = height, width
    # Drawn at 1.5 times the size and then scaled down, so that edges are smooth.
    canvas = FAMILIES[choose_family(style)](style, content, width * 3 // 2, height * 3 // 2)
    return np.asarray(photograph(style, finish(style, content, canvas), width, height))


def check_size(size: int) -> None:
    """Raise a UsageError if pictures cannot be made at this size."""
    if size not in SIZES:
        raise UsageError("size", size, f"must be from {SIZES[0]} to {SIZES[-1]} pixels")


def _generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Return the random generators of a picture's style and of its content."""
    series = np.random.default_rng([seed // SERIES, 1])
    content = np.random.default_rng([seed, 2])
    return (series if series.random() < 0.5 else np.random.default_rng([seed, 3])), content


@dataclass(frozen=True)
class Kind:
    """What is drawn.

    Attributes:
        draw: (seed, size) -> (height, width, 3) uint8 RGB; a function of a module, so that processes can be told of it.
        about: what stands in a picture's file, before size and seed, and says how to generate it.
    """

    draw: Callable[[int, int], npt.NDArray[np.uint8]]
    about: str


PICTURES = Kind(generate_picture, f"visop generate, edition {EDITION}")


def generate_folder(
    folder: Path, count: int, size: int, seed: int, processes: int, kind: Kind = PICTURES
) -> list[Path]:
    """Write JPEG files of quality 92, ``000000.jpg`` and so on, with a progress bar; existing files are kept.

    Processes are spawned, so a script that calls this with more than one needs ``if __name__ == "__main__":``.

    Args:
        folder: created if missing.
        count: number of pictures.
        size: their longer side, in pixels.
        seed: seed of the first picture; the following pictures have the following seeds.
        processes: number of processes; 0 uses one per core.
        kind: what is drawn.

    Returns:
        The files, in order.

    Raises:
        UsageError: the size is out of range, the folder cannot be made, or the existing files were made with another
            seed, size or edition.
    """
    check_size(size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("folder", folder, error.strerror or "cannot be made") from None
    missing = [number for number in range(count) if not _path(folder, number).exists()]
    if kept := sorted(set(range(count)) - set(missing)):
        _check_kept(_path(folder, kept[0]), _comment(kind, size, seed + kept[0]))
    with (
        _workers(min(processes or usable_cores(), len(missing))) as run,
        progress_bar(count, initial=count - len(missing)) as bar,
    ):
        for _ in run(partial(_write, folder, size, seed, kind), missing):
            bar.update()
    return [_path(folder, number) for number in range(count)]


@contextmanager
def _workers(processes: int) -> Iterator[partial[Iterator[None]] | type[map[None]]]:
    """Give a function like ``map`` that runs in ``processes``; on an early exit, pending work is cancelled."""
    if processes <= 1:
        yield map
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield partial(pool.map, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C, which the terminal sends to the whole process group; the parent process handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _path(folder: Path, number: int) -> Path:
    return folder / NAME.format(number)


def _comment(kind: Kind, size: int, seed: int) -> str:
    return f"{kind.about}, size {size}, seed {seed}"


def _check_kept(path: Path, expected: str) -> None:
    with Image.open(path) as image:
        found = image.info.get("comment", b"").decode(errors="replace")
    if found != expected:
        comment = repr(found) if found else "no comment on its origin"
        why = f"has {comment}, this run makes {expected!r}: give another folder, or empty this one"
        raise UsageError("", path, why)


def _write(folder: Path, size: int, seed: int, kind: Kind, number: int) -> None:
    image = Image.fromarray(kind.draw(seed + number, size))
    with whole_file(_path(folder, number)) as file:
        image.save(file, "JPEG", quality=_QUALITY, comment=_comment(kind, size, seed + number))

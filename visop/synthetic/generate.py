"""Pictures out of nothing but chance, on which an encoder learns to tell natural photos apart.

Why this works: Baradad et al. 2021, "Learning to See by Looking at Noise" (https://arxiv.org/abs/2106.05963), find that
what counts is that pictures are as varied as photos are and share their statistics, not that they look real.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from visop.errors import UsageError
from visop.files import whole_file
from visop.machine import usable_cores
from visop.synthetic.camera import photograph
from visop.synthetic.mixture import FAMILIES, choose_family, finish

# As many seeds in a row may share their style.
SERIES = 8

# Longer sides, in pixels. The upper bound is that of the noise that all fields are cut from.
SIZES = range(32, 1025)

# Counted up when the same seed comes to give another picture.
EDITION = 2

_RATIOS = (4 / 3, 3 / 2, 1.0, 16 / 9)
_QUALITY = 92


def generate_picture(seed: int, size: int = 256) -> npt.NDArray[np.uint8]:
    """One picture; a seed always gives the same, in every process and with any number of threads.

    In half of the cases eight seeds in a row (0 to 7, 8 to 15, ...) share family, palette, layout and light and differ
    in what is where: real galleries have many pictures that are alike, and telling those apart is the hard part.

    Args:
        seed: from 0.
        size: the longer side, in pixels; one of ``SIZES``.

    Returns:
        (height, width, 3), RGB; 4:3, 3:2, 1:1 or 16:9, lying or upright.

    Raises:
        UsageError: the size is out of range.
    """
    if size not in SIZES:
        raise UsageError("size", size, f"must be from {SIZES[0]} to {SIZES[-1]} pixels")
    style, content = _generators(seed)
    ratio = style.choice(_RATIOS)
    width, height = size, round(size / ratio)
    if style.random() < 0.35:
        width, height = height, width
    # What is drawn is half as large again, so that edges are smooth when it is made smaller.
    canvas = FAMILIES[choose_family(style)](style, content, width * 3 // 2, height * 3 // 2)
    return np.asarray(photograph(style, finish(style, content, canvas), width, height))


def _generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Style and content."""
    series = np.random.default_rng([seed // SERIES, 1])
    content = np.random.default_rng([seed, 2])
    return (series if series.random() < 0.5 else np.random.default_rng([seed, 3])), content


def generate_folder(folder: Path, count: int, size: int, seed: int, processes: int) -> None:
    """Write ``000000.jpg`` and so on, JPEG of quality 92, with a progress bar; those that are there are kept.

    Processes are spawned: a script that calls this with more than one needs ``if __name__ == "__main__":``.

    Args:
        folder: made if missing.
        count: how many pictures.
        size: their longer side, in pixels.
        seed: the first picture's; the others follow.
        processes: how many at once; 0 is one per core.

    Raises:
        UsageError: the size is out of range, or what is there was made with another seed, size or edition.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(count) if not _path(folder, number).exists()]
    if kept := sorted(set(range(count)) - set(missing)):
        _check_kept(_path(folder, kept[0]), _comment(size, seed + kept[0]))
    with (
        _workers(min(processes or usable_cores(), len(missing))) as run,
        tqdm(total=count, initial=count - len(missing), unit=" pictures", disable=None) as bar,
    ):
        for _ in run(partial(_write, folder, size, seed), missing):
            bar.update()


@contextmanager
def _workers(processes: int) -> Iterator[partial[Iterator[None]] | type[map[None]]]:
    """Something like ``map``; when it is left early, what has not begun is given up."""
    if processes <= 1:
        yield map
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield partial(pool.map, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C goes to the whole group; the parent is the one who answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.jpg"


def _comment(size: int, seed: int) -> str:
    """What a picture was made from, as it is written into its file."""
    return f"visop generate, edition {EDITION}, size {size}, seed {seed}"


def _check_kept(path: Path, expected: str) -> None:
    with Image.open(path) as image:
        found = image.info.get("comment", b"").decode(errors="replace") or "no word of where it is from"
    if found != expected:
        why = f"has {found!r}, this run makes {expected!r}: give another folder, or empty this one"
        raise UsageError("", path, why)


def _write(folder: Path, size: int, seed: int, number: int) -> None:
    image = Image.fromarray(generate_picture(seed + number, size))
    with whole_file(_path(folder, number)) as file:
        image.save(file, "JPEG", quality=_QUALITY, comment=_comment(size, seed + number))

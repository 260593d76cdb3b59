"""One evaluation: every original in the gallery, every transformed copy as a query, every encoder over the same pixels.

A picture is decoded and transformed once, for all encoders, and let go. What stays is its vectors, on disk.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from visop.errors import UsageError, VisopError
from visop.evaluation.encoders import PictureEncoder
from visop.evaluation.metrics import Floats, Ranking, rank
from visop.evaluation.samples import digest, read_original, transform
from visop.evaluation.thresholds import Calibration, Impostors, calibrate
from visop.images.decode import ImageLimits
from visop.machine import usable_cores
from visop.synthetic.transformations import Transformation

# Pictures that the speed is measured with, at a time, and for how long: a large model is measured with a few.
_SPEED_PICTURES, _SPEED_S = 8, 0.5


@dataclass(frozen=True)
class Job:
    """What to evaluate on.

    Attributes:
        data: what the pictures are, in words, for cards.
        paths: files of the originals.
        transformations: what makes queries of them.
        limits: on the files.
        seed: of the transformations' random choices.
        group: of a file; pictures of the same group may be alike, and count neither as copies nor as impostors. None:
            every other picture is an impostor.
    """

    data: str
    paths: Sequence[str]
    transformations: Sequence[Transformation]
    limits: ImageLimits
    seed: int = 0
    group: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Gallery:
    """The originals, and which files are not among them.

    Attributes:
        originals: ``samples.digest`` -> file, in the order of the rows.
        skipped: file -> why it could not be used.
        duplicates: file -> the earlier file that shows the same pixels.
    """

    originals: dict[str, str]
    skipped: dict[str, str]
    duplicates: dict[str, str]


@dataclass(frozen=True)
class Speed:
    """Milliseconds per picture: to prepare it (in one thread), and in the model (eight at a time)."""

    prepare_ms: float
    encode_ms: float


@dataclass(frozen=True)
class Outcome:
    """What one encoder achieved.

    Attributes:
        name: of the encoder.
        about: what it is.
        dimension: of its vectors.
        fingerprint: of the encoder.
        speed: alone on the machine.
        failed: pictures, originals and queries, that it has no vector for.
        rankings: by transformation; a row per original.
        originals: every original as the query: what it takes for most alike.
        impostors: similarities of queries and pictures that are not their originals.
        calibration: thresholds.
    """

    name: str
    about: str
    dimension: int
    fingerprint: str
    speed: Speed
    failed: int
    rankings: dict[str, Ranking]
    originals: Ranking
    impostors: Impostors
    calibration: Calibration


def evaluate(
    job: Job, encoders: Sequence[PictureEncoder], *, on_done: Callable[[], object]
) -> tuple[Gallery, list[Outcome]]:
    """Measure the encoders.

    Args:
        job: the pictures and what is done to them.
        encoders: to compare; all see the same pixels.
        on_done: called after every file.

    Raises:
        UsageError: fewer than two different pictures could be read.
        VisopError: an encoder cannot go on, such as an operator that went away.
    """
    speeds = [_speed(encoder, job) for encoder in encoders]
    gallery = Gallery({}, {}, {})
    shape = (len(job.paths), len(job.transformations) + 1)
    with tempfile.TemporaryDirectory(prefix="visop-evaluate-") as folder:
        stores = [_store(f"{folder}/{index}", (*shape, encoder.dimension)) for index, encoder in enumerate(encoders)]
        for path, sample in _samples(job, encoders):
            row = len(gallery.originals)
            for store, encoder, inputs in zip(stores, encoders, _admit(gallery, path, sample), strict=False):
                store[row] = encoder.encode(inputs)
            on_done()
        count = len(gallery.originals)
        if count < 2:
            why = f"{count} different pictures could be read: there must be at least two to tell apart"
            raise UsageError("", "", why)
        measured = zip(encoders, speeds, stores, strict=True)
        groups = _groups(job, gallery)
        return gallery, [_measure(job, encoder, speed, store[:count], groups) for encoder, speed, store in measured]


@dataclass(frozen=True)
class _Sample:
    """A picture and its transformed copies, ready for each encoder."""

    key: str
    inputs: list[list[Any]]


def _samples(job: Job, encoders: Sequence[PictureEncoder]) -> Iterator[tuple[str, _Sample | VisopError]]:
    """In order; a few are made ahead."""
    workers = usable_cores()
    waiting: deque[tuple[str, Future[_Sample | VisopError]]] = deque()
    paths = iter(job.paths)
    with ThreadPoolExecutor(workers, "visop-evaluate") as pool:
        while True:
            for path in islice(paths, workers + 2 - len(waiting)):
                waiting.append((path, pool.submit(_sample, path, job, encoders)))
            if not waiting:
                return
            path, future = waiting.popleft()
            yield path, future.result()


def _sample(path: str, job: Job, encoders: Sequence[PictureEncoder]) -> _Sample | VisopError:
    try:
        original = read_original(path, job.limits)
    except VisopError as error:
        return error
    key = digest(original)
    inputs: list[list[Any]] = [[encoder.prepare(np.asarray(original))] for encoder in encoders]
    for transformation in job.transformations:
        image = transform(original, transformation, key, job.seed)
        for encoder, prepared in zip(encoders, inputs, strict=True):
            prepared.append(encoder.prepare(image))
    return _Sample(key, inputs)


def _admit(gallery: Gallery, path: str, sample: _Sample | VisopError) -> list[list[Any]]:
    """Note the picture in the gallery and give its inputs; none if it is damaged, or not new."""
    if isinstance(sample, VisopError):
        gallery.skipped[path] = str(sample)
    elif sample.key in gallery.originals:
        gallery.duplicates[path] = gallery.originals[sample.key]
    else:
        gallery.originals[sample.key] = path
        return sample.inputs
    return []


def _store(path: str, shape: tuple[int, int, int]) -> Floats:
    return np.memmap(path, np.float32, "w+", shape=shape)


def _groups(job: Job, gallery: Gallery) -> npt.NDArray[np.int64] | None:
    """A number per original, the same within a group."""
    if job.group is None:
        return None
    return np.unique([job.group(path) for path in gallery.originals.values()], return_inverse=True)[1]


def _measure(
    job: Job, encoder: PictureEncoder, speed: Speed, vectors: Floats, groups: npt.NDArray[np.int64] | None
) -> Outcome:
    """vectors: (N, 1 + transformations, D); the originals come first."""
    gallery, rows = np.ascontiguousarray(vectors[:, 0]), np.arange(len(vectors))
    related = None if groups is None else (groups, groups)
    impostors = Impostors()
    rankings = {
        each.name: rank(vectors[:, index], gallery, rows, related=related, on_impostors=impostors.add)
        for index, each in enumerate(job.transformations, 1)
    }
    true = {name: ranking.similarity for name, ranking in rankings.items()}
    return Outcome(
        name=encoder.name,
        about=encoder.about,
        dimension=encoder.dimension,
        fingerprint=encoder.fingerprint,
        speed=speed,
        failed=sum(int((~vectors[:, column].any(axis=1)).sum()) for column in range(vectors.shape[1])),
        rankings=rankings,
        originals=rank(gallery, gallery, rows),
        impostors=impostors,
        calibration=calibrate(true, impostors, pictures=len(gallery), data=job.data, fingerprint=encoder.fingerprint),
    )


def _speed(encoder: PictureEncoder, job: Job) -> Speed:
    """Before the run, while nothing else of it needs the processor."""
    pictures = [np.asarray(picture) for picture in islice(_readable(job), _SPEED_PICTURES)]
    if not pictures:
        return Speed(0.0, 0.0)
    encoder.encode([encoder.prepare(pictures[0])])  # what is loaded at the first use
    start = time.perf_counter()
    inputs = [encoder.prepare(picture) for picture in pictures]
    prepared = now = time.perf_counter()
    rounds = 0
    while rounds == 0 or now - prepared < _SPEED_S:
        encoder.encode(inputs)
        rounds, now = rounds + 1, time.perf_counter()
    count = len(inputs)
    return Speed(1000 * (prepared - start) / count, 1000 * (now - prepared) / (count * rounds))


def _readable(job: Job) -> Iterator[PILImage.Image]:
    for path in job.paths:
        try:
            yield read_original(path, job.limits)
        except VisopError:
            continue

"""Run an evaluation: the originals are the gallery, their transformed copies the queries, for each encoder.

Each picture is decoded and transformed once, so that all encoders see the same pixels, and is then freed. Only its
vectors are kept, on disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from visop.ahead import started_ahead
from visop.errors import UsageError, VisopError
from visop.evaluation.encoders import PictureEncoder
from visop.evaluation.kept_vectors import KeptVectors, PartVectors
from visop.evaluation.metrics import Floats, Ranking, rank
from visop.evaluation.parts import Parts
from visop.evaluation.samples import digest, read_original, transform
from visop.evaluation.thresholds import Calibration, Impostors, calibrate
from visop.images.decode import ImageLimits
from visop.machine import usable_cores
from visop.synthetic.transformations import Transformation

# The speed is measured on this many pictures at a time, for this many seconds, or for one round with a slow model.
_SPEED_PICTURES, _SPEED_S = 8, 0.5


@dataclass(frozen=True)
class Job:
    """The pictures of an evaluation and what is done to them.

    Attributes:
        data: a description of the pictures, for the encoder's card.
        paths: files of the originals.
        transformations: the edits that turn originals into queries.
        limits: limits on the files.
        seed: seed of the random choices in the transformations.
        group: returns the group of a file. Pictures of the same group may be alike, so they count neither as copies nor
            as impostors. None: every picture other than the original is an impostor.
        parts: schemes of parts, with each of which every encoder is measured once more: the gallery has the parts of
            the originals, too, and of each picture the nearest vector counts.
    """

    data: str
    paths: Sequence[str]
    transformations: Sequence[Transformation]
    limits: ImageLimits
    seed: int = 0
    group: Callable[[str], str] | None = None
    parts: Sequence[Parts] = ()


@dataclass(frozen=True)
class Gallery:
    """The originals, and the files that were left out.

    Attributes:
        originals: ``samples.digest`` -> file, in the order of the rows.
        skipped: file -> why it could not be used.
        duplicates: file -> the earlier file with the same pixels.
    """

    originals: dict[str, str]
    skipped: dict[str, str]
    duplicates: dict[str, str]


@dataclass(frozen=True)
class Speed:
    """Milliseconds per picture: to prepare it in one thread, and to encode it in the model, eight at a time."""

    prepare_ms: float
    encode_ms: float


@dataclass(frozen=True)
class Outcome:
    """The measurements of one encoder.

    Attributes:
        name: the encoder's name.
        about: a description of the encoder, for the report.
        dimension: dimension of its vectors.
        fingerprint: fingerprint of the encoder.
        speed: measured before the run, while nothing else of it needs the processor.
        failed: number of pictures, originals and queries, for which it has no vector.
        rankings: transformation -> ranking, with one row per original.
        originals: the ranking with the originals as queries, which finds the most similar other original.
        impostors: similarities between queries and pictures that are not their originals.
        calibration: the thresholds.
        parts: the scheme of the parts of the gallery; empty if it has one vector for each picture.
        in_parts: the measurements of the same encoder with each scheme of the job.
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
    parts: str = ""
    in_parts: tuple[Outcome, ...] = ()


def evaluate(
    job: Job, encoders: Sequence[PictureEncoder], *, on_done: Callable[[], object]
) -> tuple[Gallery, list[Outcome]]:
    """Measure the encoders.

    Args:
        job: the pictures and what is done to them.
        encoders: the encoders to compare.
        on_done: called after every file.

    Returns:
        The gallery, and one outcome per encoder, in the order of ``encoders``.

    Raises:
        UsageError: fewer than two different pictures could be read.
        VisopError: an encoder cannot continue, for example because its operator became unreachable.
    """
    speeds = [_speed(encoder, job) for encoder in encoders]
    gallery = Gallery({}, {}, {})
    shape = (len(job.paths), len(job.transformations) + 1)
    with tempfile.TemporaryDirectory(prefix="visop-evaluate-") as folder:
        kept = [
            KeptVectors(Path(folder, str(number)), (*shape, encoder.dimension), len(job.parts))
            for number, encoder in enumerate(encoders)
        ]
        for path, sample in _samples(job, encoders):
            if added := _add(gallery, path, sample):
                for each, encoder, inputs in zip(kept, encoders, added.inputs, strict=True):
                    each.add(encoder.encode(inputs), added.parts)
            on_done()
        count = len(gallery.originals)
        if count < 2:
            why = f"an evaluation needs at least 2 different pictures; {count} could be read"
            raise UsageError("", "", why)
        measured = zip(encoders, speeds, kept, strict=True)
        groups = _groups(job, gallery)
        return gallery, [_measured(job, encoder, speed, each, groups) for encoder, speed, each in measured]


@dataclass(frozen=True)
class _Sample:
    """A picture and its transformed copies, prepared for every encoder.

    Attributes:
        key: ``samples.digest`` of the original.
        inputs: for each encoder, the prepared original, followed by its copies and then by its parts.
        parts: how many parts it has, for each scheme.
    """

    key: str
    inputs: list[list[Any]]
    parts: list[int]


def _samples(job: Job, encoders: Sequence[PictureEncoder]) -> Iterator[tuple[str, _Sample | VisopError]]:
    """Yield the samples in the order of the files; threads prepare a few ahead."""
    workers = usable_cores()
    with ThreadPoolExecutor(workers, "visop-evaluate") as pool:
        started = started_ahead(lambda path: pool.submit(_sample, path, job, encoders), job.paths, workers + 2)
        for path, future in started:
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
    cuts = [parts.cut(np.asarray(original)) for parts in job.parts]
    for encoder, prepared in zip(encoders, inputs, strict=True):
        prepared.extend(encoder.prepare(part) for some in cuts for part in some)
    return _Sample(key, inputs, [len(some) for some in cuts])


def _add(gallery: Gallery, path: str, sample: _Sample | VisopError) -> _Sample | None:
    """Record the picture in the gallery and return it; None if it could not be read or is a duplicate."""
    if isinstance(sample, VisopError):
        gallery.skipped[path] = str(sample)
    elif sample.key in gallery.originals:
        gallery.duplicates[path] = gallery.originals[sample.key]
    else:
        gallery.originals[sample.key] = path
        return sample
    return None


def _groups(job: Job, gallery: Gallery) -> npt.NDArray[np.int64] | None:
    """Number the groups: (originals,) int64, None if the job has no groups."""
    if job.group is None:
        return None
    return np.unique([job.group(path) for path in gallery.originals.values()], return_inverse=True)[1]


def _measured(
    job: Job, encoder: PictureEncoder, speed: Speed, kept: KeptVectors, groups: npt.NDArray[np.int64] | None
) -> Outcome:
    """Rank and calibrate one encoder, with one vector for each original and with its parts."""
    vectors = kept.wholes[: kept.added]
    alone = _measure(job, encoder, speed, vectors, groups)
    in_parts = []
    for parts, each in zip(job.parts, kept.parts, strict=True):
        found = _measure(job, encoder, speed, vectors, groups, each)
        in_parts.append(replace(found, name=f"{encoder.name} {parts.name}", parts=parts.name))
    return replace(alone, in_parts=tuple(in_parts))


def _measure(
    job: Job,
    encoder: PictureEncoder,
    speed: Speed,
    vectors: Floats,
    groups: npt.NDArray[np.int64] | None,
    parts: PartVectors | None = None,
) -> Outcome:
    """Rank and calibrate one encoder from its vectors, (N, 1 + transformations, D) with the originals in column 0."""
    originals, rows = np.ascontiguousarray(vectors[:, 0]), np.arange(len(vectors))
    gallery, starts = (originals, None) if parts is None else (parts.gallery(), parts.starts())
    related = None if groups is None else (groups, groups)
    impostors = Impostors()
    rankings = {
        each.name: rank(vectors[:, index], gallery, rows, starts=starts, related=related, on_impostors=impostors.add)
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
        originals=rank(originals, gallery, rows, starts=starts),
        impostors=impostors,
        calibration=calibrate(true, impostors, pictures=len(rows), data=job.data, fingerprint=encoder.fingerprint),
    )


def _speed(encoder: PictureEncoder, job: Job) -> Speed:
    """Measure the speed of an encoder on the first pictures; 0 if none can be read."""
    pictures = [np.asarray(picture) for picture in islice(_readable(job), _SPEED_PICTURES)]
    if not pictures:
        return Speed(0.0, 0.0)
    encoder.encode([encoder.prepare(pictures[0])])  # a warm-up, for what is loaded at the first use
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

"""Measure detectors on annotated pictures: open one, look at every picture, compare what it finds with the truth."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.client import Client, FoundPart
from visop.contract import OperatorInfo
from visop.detecting.local import LocalDetector, check_finds, check_model_finds
from visop.detecting.run import StreamDetector, reader
from visop.detection import Detection
from visop.encoding.local import open_local_pipeline
from visop.encoding.run import check_health
from visop.errors import ModelFailed, UsageError, VisopError
from visop.evaluation.average_precision import MeanPrecision, WorkingPoint, best_working_point, mean_precision
from visop.images.crops import CropOptions
from visop.images.decode import ImageLimits
from visop.processors.ssd.processor import Ssd
from visop.serving.named_class import BUILT_IN
from visop.settings import load_settings

_CLASS = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")

# What the name of a detector says, so that the environment has no say in it.
_SAID = ("OP_OPERATOR", "OP_MODEL", "OP_WEIGHTS", "OP_PROCESSOR", "OP_ENCODER")

# A curve of precisions needs the boxes of low scores, which nobody wants answered; so training measures, too.
_LEAST_SCORE = 0.02
_MOST_PARTS = 300

_BATCH = 16


@dataclass(frozen=True)
class Detector:
    """What is measured.

    Attributes:
        name: as reports show it.
        info: what it is.
        stream: finds the parts.
        max_bytes: of one file.
        about: where it runs, for a reader.
    """

    name: str
    info: OperatorInfo
    stream: StreamDetector
    max_bytes: int
    about: str


@dataclass(frozen=True)
class DetectionJob:
    """Annotated pictures.

    Attributes:
        data: a description of them.
        annotations: with what is in them.
        limits: on pictures.
    """

    data: str
    annotations: Annotations
    limits: ImageLimits


@dataclass(frozen=True)
class DetectionOutcome:
    """The measurements of one detector.

    Attributes:
        detector: that was measured.
        precision: of the labels that it may find.
        point: the score from which on its boxes are right most often without missing much.
        never_found: annotated labels that it does not know; they are not in ``precision``.
        found: in each picture.
        failed: file -> why nothing could be looked for in it. It counts as a picture in which nothing was found.
        ms: for one picture, from its file to the boxes, several under way.
    """

    detector: Detector
    precision: MeanPrecision
    point: WorkingPoint
    never_found: tuple[str, ...]
    found: Sequence[Sequence[Detection]]
    failed: Mapping[str, str]
    ms: float


@contextmanager
def open_detector(name: str, environ: Mapping[str, str]) -> Iterator[Detector]:
    """Open a detector in this process; close it in the end.

    Args:
        name: as ``OP_PROCESSOR`` has it: ``faces``, ``ssd300:FILE``, ``FILE.safetensors``, ``module:Class``.
        environ: such as ``os.environ``: the other settings.

    Raises:
        UsageError: there is none, its weights are missing, or it finds nothing in pictures.
    """
    others = {each: value for each, value in environ.items() if each not in _SAID}
    said = {"operator": name} if _CLASS.fullmatch(name) else {"operator": BUILT_IN, "model": name}
    settings = load_settings(others, said).settings
    settings = replace(settings, max_parts_per_picture=max(_MOST_PARTS, settings.max_parts_per_picture))
    check_model_finds(settings)
    with open_local_pipeline(settings, check_finds) as (operator, pipeline):
        if isinstance(operator, Ssd):
            operator.rule = replace(operator.rule, score=min(_LEAST_SCORE, operator.rule.score))
        local = LocalDetector(operator.info(), pipeline, CropOptions(omit=True))
        about = f"{operator.name}, in this process"
        yield Detector(_short(name), local.info, local, settings.max_image_bytes, about)


@contextmanager
def open_running_detector(operator: str) -> Iterator[Detector]:
    """Connect to a running processor at HOST:PORT; hang up in the end.

    Raises:
        Unreachable: it does not answer.
    """
    with Client(operator) as client:
        identity = client.identity()
        about = f"{identity.operator.name}, running at {operator}"
        yield Detector(operator, identity.operator, client, identity.limits.max_image_bytes, about)


def measure(job: DetectionJob, detector: Detector, on_done: Callable[[], object]) -> DetectionOutcome:
    """Look at every picture, and measure what is found.

    Raises:
        UsageError: it knows none of the labels, or answers no boxes.
        VisopError: it cannot go on, for example because it became unreachable.
    """
    labels, never_found = _labels(job.annotations, detector)
    pictures = job.annotations.pictures
    failed: dict[str, str] = {}
    found: list[list[Detection]] = []
    started = time.perf_counter()
    for picture, result in zip(pictures, _looked(detector, pictures), strict=True):
        if isinstance(result, VisopError):
            failed[str(picture.path)] = str(result)
        found.append([] if isinstance(result, VisopError) else [_detection(detector, each) for each in result])
        on_done()
    ms = (time.perf_counter() - started) * 1000 / len(pictures)
    if len(failed) == len(pictures):
        raise UsageError("", detector.name, f"could look at none of {len(pictures)} pictures: {failed.popitem()[1]}")
    truths = [picture.truths for picture in pictures]
    precision, point = mean_precision(found, truths, labels), best_working_point(found, truths, labels)
    return DetectionOutcome(detector, precision, point, never_found, found, failed, ms)


def _looked(detector: Detector, pictures: Sequence[AnnotatedPicture]) -> Iterator[list[FoundPart] | VisopError]:
    read = reader(detector.max_bytes)
    for result in detector.stream.detect_stream((read(str(each.path)) for each in pictures), batch=_BATCH):
        if isinstance(result, ModelFailed):
            check_health(detector.stream, detector.name)
        yield result


def _detection(detector: Detector, part: FoundPart) -> Detection:
    if part.box is None or part.score is None:
        raise UsageError("", detector.name, "answers crops without boxes, which cannot be compared with annotations")
    return Detection(part.box, part.label, part.score)


def _labels(annotations: Annotations, detector: Detector) -> tuple[list[str], tuple[str, ...]]:
    """The annotated labels that it may find, and the others."""
    asked = {truth.label for picture in annotations.pictures for truth in picture.truths if truth.asked}
    annotated = [label for label in annotations.labels if label in asked]
    known = [label for label in annotated if not detector.info.labels or label in detector.info.labels]
    if not known:
        what = f"{', '.join(annotated)} are annotated, and it finds {', '.join(detector.info.labels)}"
        raise UsageError("", detector.name, f"finds nothing of what is annotated: {what}")
    return known, tuple(label for label in annotated if label not in known)


def _short(name: str) -> str:
    """The file name in place of a path."""
    return Path(name).name if os.sep in name else name

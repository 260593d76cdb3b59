"""``visop evaluate`` of detectors: on pictures in which objects are annotated."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import imports, note
from visop.cli.folder_flags import refuse_folder_flags
from visop.errors import UsageError
from visop.settings import load_settings
from visop.sources import printable

if TYPE_CHECKING:
    from visop.annotations.truth import Annotations
    from visop.evaluation.detectors import DetectionJob, DetectionOutcome, Detector

#: What ``--split`` takes: those of data sets, or everything.
*_, ALL = SPLITS = ("train", "val", "test", "all")


def evaluate_detectors(arguments: argparse.Namespace, models: Sequence[str], running: Sequence[str]) -> int:
    """Measure, print the table, write the report; exit status 0, also if some pictures could not be looked at.

    Raises:
        UsageError: wrong usage, wrong annotations, or a detector that finds nothing of what is annotated.
        VisopError: a detector failed.
    """
    _refuse_others(arguments)
    with imports("to evaluate: pip install 'visop[tools]'"):
        from visop.evaluation.detectors import measure
        from visop.progress import progress_bar
    job = _job(arguments)
    _tell(job)
    outcomes = []
    with ExitStack() as stack:
        opened = [*map(_open_model, models), *map(_open_running, running)]
        detectors = [stack.enter_context(each) for each in opened]
        pictures = len(job.annotations.pictures)
        bar = stack.enter_context(progress_bar(len(detectors) * pictures))
        outcomes = [measure(job, detector, bar.update) for detector in detectors]
    _report(arguments.out, job, outcomes)
    return 0


def _refuse_others(arguments: argparse.Namespace) -> None:
    for name in ("transformations", "parts", "groups", "calibrate"):
        if value := getattr(arguments, name):
            shown = "" if value is True else ", ".join(value) if isinstance(value, list) else value
            raise UsageError(name, shown, "is for encoders, not for detectors")
    refuse_folder_flags(arguments, "detectors")


def _open_model(name: str) -> AbstractContextManager[Detector]:
    from visop.evaluation.detectors import open_detector

    return open_detector(name, os.environ)


def _open_running(operator: str) -> AbstractContextManager[Detector]:
    from visop.evaluation.detectors import open_running_detector

    return open_running_detector(operator)


def _job(arguments: argparse.Namespace) -> DetectionJob:
    from visop.annotations.reading import read_annotations
    from visop.annotations.splits import find_splits
    from visop.evaluation.detectors import DetectionJob
    from visop.images.decode import ImageLimits

    folder = Path(arguments.folder)
    splits = find_splits(folder, arguments.annotations)
    split = _split(arguments.split, splits)
    read = read_annotations(folder, splits=[split] if split else (), form=arguments.annotations)
    annotations = _some(read, arguments)
    which = f", {split}" if split else ""
    described = f"{printable(folder.resolve().name)}{which}"
    return DetectionJob(described, annotations, ImageLimits.of(load_settings(os.environ).settings))


def _split(asked: str | None, there: Sequence[str]) -> str:
    """The split that is measured on; empty for all pictures."""
    from visop.annotations.splits import TEST, VAL

    if asked == ALL:
        return ""
    if asked is not None:
        if asked not in there:
            why = f"there is no such split; the folder has {', '.join(there) or 'none'}"
            raise UsageError("split", asked, why)
        return asked
    return next((each for each in (VAL, TEST) if each in there), "")


def _some(annotations: Annotations, arguments: argparse.Namespace) -> Annotations:
    import numpy as np

    count = len(annotations.pictures)
    if not arguments.limit or arguments.limit >= count:
        return annotations
    chosen = sorted(np.random.default_rng(arguments.seed).choice(count, arguments.limit, replace=False))
    some = replace(annotations, pictures=[annotations.pictures[index] for index in chosen])
    if not any(truth.asked for picture in some.pictures for truth in picture.truths):
        raise UsageError("limit", arguments.limit, "there is no object in the pictures that were chosen; take more")
    return some


def _tell(job: DetectionJob) -> None:
    objects = sum(truth.asked for picture in job.annotations.pictures for truth in picture.truths)
    note(f"{job.data}: {len(job.annotations.pictures)} pictures, {objects} objects to find")


def _report(folder: Path, job: DetectionJob, outcomes: Sequence[DetectionOutcome]) -> None:
    from visop.evaluation.detection_report import write_detection_report
    from visop.evaluation.detection_results import detection_table, write_detection_csv, write_detection_json

    print(detection_table(outcomes))
    for outcome in outcomes:
        name, point = outcome.detector.name, outcome.point
        for path, reason in outcome.failed.items():
            note(f"{name} could not look at {printable(path)}: {reason}")
        if outcome.never_found:
            note(f"{name} never finds {', '.join(outcome.never_found)}; they are left out of its means")
        print(
            f"{name}: from a score of {point.score:.2f} on, {point.precision:.3f} of its boxes are right and "
            f"{point.recall:.3f} of the objects are found"
        )
    write_detection_csv(folder / "results.csv", outcomes)
    write_detection_json(folder / "results.json", outcomes, job.data)
    write_detection_report(folder / "report.html", job, outcomes)
    print(f"{len(job.annotations.pictures)} pictures; the report is {printable(str(folder / 'report.html'))}")

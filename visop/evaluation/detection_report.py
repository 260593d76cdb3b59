"""Write the report of an evaluation of detectors as one HTML file with embedded pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from visop import __version__
from visop.annotations.truth import AnnotatedPicture
from visop.detection import Detection
from visop.errors import VisopError
from visop.evaluation.average_precision import errors_in
from visop.evaluation.detection_results import MEASURES, labels_of, measures
from visop.evaluation.detectors import DetectionJob, DetectionOutcome
from visop.evaluation.report import data_uri, heat, percent
from visop.evaluation.samples import read_original
from visop.files import write_whole
from visop.images.overlay import overlay
from visop.templates import render

_CASES = 12
_SIDE = 420


@dataclass(frozen=True)
class Case:
    """A picture in which a detector erred.

    Attributes:
        name: file name of the picture.
        missed: objects that it did not find.
        wrong: boxes that are not right.
        truth: the picture with what is annotated, as a data URI.
        found: the same with what was found.
    """

    name: str
    missed: int
    wrong: int
    truth: str
    found: str


def write_detection_report(path: Path, job: DetectionJob, outcomes: Sequence[DetectionOutcome]) -> None:
    """Write the page atomically. The pictures that it shows are read from their files again."""
    context = {
        "job": job,
        "objects": sum(truth.asked for picture in job.annotations.pictures for truth in picture.truths),
        "outcomes": outcomes,
        "labels": labels_of(outcomes),
        "measures": MEASURES,
        "values": [measures(outcome) for outcome in outcomes],
        "cases": [list(_cases(job, outcome)) for outcome in outcomes],
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
    }
    page = render(__package__, "detection_report.html.jinja", context, {"percent": percent, "heat": heat})
    write_whole(path, page.encode("utf-8", "replace"))


def _cases(job: DetectionJob, outcome: DetectionOutcome) -> Iterator[Case]:
    """The pictures with most errors among the boxes from the score of the working point on."""
    labels = list(outcome.precision.by_label)
    erred = []
    for index, picture in enumerate(job.annotations.pictures):
        shown = [each for each in outcome.found[index] if each.score >= outcome.point.score and each.label in labels]
        missed, wrong = errors_in(shown, [each for each in picture.truths if each.label in labels])
        if missed + wrong:
            erred.append((-(missed + wrong), index, missed, wrong, shown))
    for _, index, missed, wrong, shown in sorted(erred, key=lambda each: each[:2])[:_CASES]:
        picture = job.annotations.pictures[index]
        truths = [Detection(each.box, each.label) for each in picture.truths]
        drawn = [_drawn(job, picture, truths, scores=False), _drawn(job, picture, shown, scores=True)]
        yield Case(picture.path.name, missed, wrong, *drawn)


def _drawn(job: DetectionJob, picture: AnnotatedPicture, boxes: Sequence[Detection], *, scores: bool) -> str:
    """The picture at the size that the page shows it in, with boxes; a grey one if its file is gone."""
    try:
        original = read_original(str(picture.path), job.limits).convert("RGB")
    except VisopError:
        return data_uri(PILImage.new("RGB", (1, 1), "grey"), _SIDE)
    original.thumbnail((_SIDE, _SIDE))
    return data_uri(overlay(np.asarray(original), boxes, picture.size, scores=scores), _SIDE)

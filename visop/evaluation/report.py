"""Write the report of an evaluation as one HTML file with embedded pictures. It needs no network and no script."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from visop import __version__
from visop.errors import VisopError
from visop.evaluation import plots
from visop.evaluation.evaluate import Gallery, Job, Outcome
from visop.evaluation.results import ACROSS, ALL, MEASURES, at_fpr, table
from visop.evaluation.samples import digest, read_original, transform
from visop.evaluation.thresholds import LEAST_FALSE_POSITIVES, RATES
from visop.files import write_whole
from visop.templates import render

_FAILURES = 12
_FAILURES_PER_TRANSFORMATION = 2
_LOOK_ALIKES = 6
_THUMBNAIL = 176


@dataclass(frozen=True)
class Failure:
    """A query that found a wrong picture first.

    Attributes:
        transformation: the edit that made the query.
        name: file name of the original.
        found_name: file name of the wrong picture.
        rank: rank of the original, from 2.
        similarity: cosine of the query and the original.
        found_similarity: cosine of the query and the wrong picture.
        query: a thumbnail of the query, as a data URI.
        found: a thumbnail of the wrong picture, as a data URI.
        true: a thumbnail of the original, as a data URI.
    """

    transformation: str
    name: str
    found_name: str
    rank: int
    similarity: float
    found_similarity: float
    query: str
    found: str
    true: str


def write_report(path: Path, job: Job, gallery: Gallery, outcomes: Sequence[Outcome]) -> None:
    """Write the page atomically. The pictures that it shows are read from their files again.

    Characters of a file name that cannot be encoded in UTF-8 become question marks.
    """
    filters = {"percent": percent, "heat": heat}
    page = render(__package__, "report.html.jinja", _context(job, gallery, outcomes), filters)
    write_whole(path, page.encode("utf-8", "replace"))


def _context(job: Job, gallery: Gallery, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    pictures = _Pictures(job, gallery)
    return {
        "job": job,
        "gallery": gallery,
        "outcomes": outcomes,
        "tables": {outcome.name: table(outcome) for outcome in outcomes},
        "all": ALL,
        "across": ACROSS,
        "measures": [*MEASURES, *(at_fpr(fpr) for fpr in RATES)],
        "rates": RATES,
        "at_fpr": at_fpr,
        "least": LEAST_FALSE_POSITIVES,
        "recall_plot": plots.recall_plot(outcomes),
        "distance_plots": {outcome.name: plots.distance_plot(outcome) for outcome in outcomes},
        "plots": plots,
        "failures": {outcome.name: list(_failures(outcome, pictures)) for outcome in outcomes},
        "look_alikes": {outcome.name: list(_look_alikes(outcome, pictures)) for outcome in outcomes},
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
    }


class _Pictures:
    """Thumbnails of the originals, by row, and of their transformed copies.

    A file that was deleted or changed since it was measured is shown as an empty picture.
    """

    def __init__(self, job: Job, gallery: Gallery) -> None:
        self._job, self._rows = job, list(gallery.originals.items())
        self._transformations = {each.name: each for each in job.transformations}

    def name(self, row: int) -> str:
        return Path(self._rows[row][1]).name

    def original(self, row: int) -> str:
        original = self._read(row)
        return data_uri(_empty() if original is None else original)

    def query(self, row: int, transformation: str) -> str:
        original = self._read(row)
        if original is None:
            return data_uri(_empty())
        image = transform(original, self._transformations[transformation], self._rows[row][0], self._job.seed)
        return data_uri(PILImage.fromarray(image))

    def _read(self, row: int) -> PILImage.Image | None:
        key, path = self._rows[row]
        try:
            original = read_original(path, self._job.limits)
        except VisopError:
            return None
        return original if digest(original) == key else None


def _empty() -> PILImage.Image:
    """Return a grey pixel, which the page stretches."""
    return PILImage.new("RGB", (1, 1), "grey")


def data_uri(picture: PILImage.Image, side: int = _THUMBNAIL) -> str:
    """A picture as a data URI, in WebP. It is made smaller in place if it is larger than ``side`` pixels."""
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _failures(outcome: Outcome, pictures: _Pictures) -> Iterator[Failure]:
    """Yield the worst failures: those where the wrong picture is more similar than the original by the most."""
    misses = [
        (float(ranking.impostor_similarity[row] - ranking.similarity[row]), name, int(row))
        for name, ranking in outcome.rankings.items()
        for row in np.flatnonzero(ranking.first > 1)
    ]
    shown: Counter[str] = Counter()
    rows: set[int] = set()
    for _, name, row in sorted(misses, reverse=True):
        if shown[name] < _FAILURES_PER_TRANSFORMATION and row not in rows and shown.total() < _FAILURES:
            shown[name] += 1
            rows.add(row)
            yield _failure(outcome, name, row, pictures)


def _failure(outcome: Outcome, name: str, row: int, pictures: _Pictures) -> Failure:
    ranking = outcome.rankings[name]
    found = int(ranking.impostor[row])
    return Failure(
        transformation=name,
        name=pictures.name(row),
        found_name=pictures.name(found),
        rank=int(ranking.first[row]),
        similarity=float(ranking.similarity[row]),
        found_similarity=float(ranking.impostor_similarity[row]),
        query=pictures.query(row, name),
        found=pictures.original(found),
        true=pictures.original(row),
    )


def _look_alikes(outcome: Outcome, pictures: _Pictures) -> Iterator[dict[str, Any]]:
    """Yield the most similar pairs of originals, each pair once. They may be copies of each other in the folder."""
    ranking = outcome.originals
    pairs: dict[tuple[int, int], float] = {}
    for row in np.argsort(-ranking.impostor_similarity).tolist():
        pair = tuple(sorted((row, int(ranking.impostor[row]))))
        pairs.setdefault((pair[0], pair[1]), float(ranking.impostor_similarity[row]))
    for (first, second), similarity in list(pairs.items())[:_LOOK_ALIKES]:
        yield {
            "names": (pictures.name(first), pictures.name(second)),
            "pictures": (pictures.original(first), pictures.original(second)),
            "similarity": similarity,
        }


def percent(share: float) -> str:
    """Format a share such as 97.4 %. Only exactly all and none give 100 % and 0 %."""
    if share in (0, 1):
        return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}\N{NO-BREAK SPACE}%"


def heat(share: float) -> int:
    """Return the shade of a share, 0 (bad) to 9 (good). Half of them are above 0.9, where choices are made."""
    return int(np.searchsorted([0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999], share, side="right"))

"""Write the numbers of an evaluation: a CSV file of measures, a JSON file of calibrations, a table for a terminal."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visop.evaluation.evaluate import Outcome
from visop.evaluation.metrics import Ranking
from visop.files import write_whole

#: The row with the means over all transformations.
ALL = "all"

#: Measures, in the order of the report. ``ACROSS`` is recall@1 without pictures of the same group in the gallery; it is
#: measured only if the job has groups.
ACROSS = "recall@1 across groups"
MEASURES = ("recall@1", ACROSS, "recall@10", "mAP", "median rank")


def measures(ranking: Ranking) -> dict[str, float]:
    """Compute ``MEASURES`` for one transformation, without ``ACROSS`` if there are no groups."""
    apart = {} if ranking.first_apart is None else {ACROSS: float(np.mean(ranking.first_apart == 1))}
    return {
        "recall@1": ranking.recall_at(1),
        **apart,
        "recall@10": ranking.recall_at(10),
        "mAP": ranking.mean_average_precision,
        "median rank": ranking.median_rank,
    }


def table(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return transformation or ``ALL`` -> measure -> value, including the recall at calibrated thresholds."""
    rows = {name: measures(ranking) for name, ranking in outcome.rankings.items()}
    for threshold in outcome.calibration.thresholds:
        for name, recall in threshold.recalls.items():
            rows[name][at_fpr(threshold.fpr)] = recall
    names = next(iter(rows.values()))
    return rows | {ALL: {name: float(np.mean([row[name] for row in rows.values()])) for name in names}}


def at_fpr(fpr: float) -> str:
    """Return the name of the recall at a calibrated threshold, such as ``recall at fpr 0.001``."""
    return f"recall at fpr {fpr:g}"


def write_csv(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a CSV file with one row per encoder, transformation and measure."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["encoder", "fingerprint", "transformation", "measure", "value"])
        writer.writerows(_rows(outcomes))


def _rows(outcomes: Sequence[Outcome]) -> Iterator[list[str]]:
    for outcome in outcomes:
        for transformation, values in table(outcome).items():
            for measure, value in values.items():
                yield [outcome.name, outcome.fingerprint, transformation, measure, f"{value:.6g}"]


def write_calibrations(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a JSON file of encoder -> what its card needs, with the ``calibration`` that ``visop compare`` reads."""
    text = json.dumps({outcome.name: _facts(outcome) for outcome in outcomes}, indent=2)
    write_whole(path, f"{text}\n".encode())


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "fingerprint": outcome.fingerprint,
        "dimension": outcome.dimension,
        "metrics": table(outcome)[ALL],
        "calibration": calibration_card(outcome),
    }


def calibration_card(outcome: Outcome) -> dict[str, Any]:
    """The calibration of an encoder as its card has it, with the thresholds of each scheme of parts."""
    schemes = {each.parts: each.calibration.card() for each in outcome.in_parts}
    return {**outcome.calibration.card(), **({"schemes": schemes} if schemes else {})}


def with_parts(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Each outcome, followed by those of the same encoder with parts."""
    return [each for outcome in outcomes for each in (outcome, *outcome.in_parts)]


def text_table(outcomes: Sequence[Outcome]) -> str:
    """Format recall@1 with a row per transformation and a column per encoder, followed by the means of all measures."""
    tables = [table(outcome) for outcome in outcomes]
    lines = [["recall@1", *(outcome.name for outcome in outcomes)]]
    lines += [[name, *(f"{each[name]['recall@1']:.3f}" for each in tables)] for name in tables[0] if name != ALL]
    lines += [[f"mean {name}", *(f"{each[ALL][name]:.3f}" for each in tables)] for name in tables[0][ALL]]
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Cells in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others])

"""Write the numbers of an evaluation of detectors: a table for a terminal, a CSV file, a JSON file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from visop.evaluation.detectors import DetectionOutcome
from visop.evaluation.results import aligned
from visop.files import write_whole

#: Measures over all labels, and how reports call them.
MEASURES = {"map_voc": "mAP@0.5 (VOC)", "map_coco": "mAP@0.50:0.95 (COCO)", "map_coco_50": "mAP@0.5 (COCO)"}


def measures(outcome: DetectionOutcome) -> dict[str, float]:
    """``MEASURES`` of a detector, as the cards of detector files call them."""
    precision = outcome.precision
    return {"map_voc": precision.voc, "map_coco": precision.coco, "map_coco_50": precision.coco_50}


def labels_of(outcomes: Sequence[DetectionOutcome]) -> list[str]:
    """All labels that any detector was measured on, in the order of the annotations."""
    return list(dict.fromkeys(label for outcome in outcomes for label in outcome.precision.by_label))


def detection_table(outcomes: Sequence[DetectionOutcome]) -> str:
    """Average precision with a row for each label and a column for each detector, and the means."""
    lines = [["AP@0.5 (VOC)", "objects", *(outcome.detector.name for outcome in outcomes)]]
    for label in labels_of(outcomes):
        objects = max(outcome.precision.objects.get(label, 0) for outcome in outcomes)
        lines.append([label, str(objects), *(_cell(outcome.precision.by_label.get(label)) for outcome in outcomes)])
    for measure, name in MEASURES.items():
        lines.append([name, "", *(_cell(measures(outcome)[measure]) for outcome in outcomes)])
    return aligned(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def write_detection_csv(path: Path, outcomes: Sequence[DetectionOutcome]) -> None:
    """Write a CSV file with one row per detector, label and measure; the label of the means is empty."""
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow(["detector", "fingerprint", "label", "measure", "value"])
        for outcome in outcomes:
            named = [outcome.detector.name, outcome.detector.info.fingerprint]
            writer.writerows([*named, label, measure, f"{value:.6g}"] for label, measure, value in _rows(outcome))


def _rows(outcome: DetectionOutcome) -> Iterator[tuple[str, str, float]]:
    precision = outcome.precision
    for label, value in precision.by_label.items():
        yield label, "ap_voc", value
        yield label, "ap_coco", precision.coco_by_label[label]
        yield label, "objects", precision.objects[label]
    for measure, value in measures(outcome).items():
        yield "", measure, value


def write_detection_json(path: Path, outcomes: Sequence[DetectionOutcome], data: str) -> None:
    """Write a JSON file of what was measured on, and of each detector its measures."""
    content = {"data": data, "detectors": [_facts(outcome) for outcome in outcomes]}
    write_whole(path, f"{json.dumps(content, indent=2)}\n".encode())


def _facts(outcome: DetectionOutcome) -> dict[str, Any]:
    precision = outcome.precision
    return {
        "name": outcome.detector.name,
        "fingerprint": outcome.detector.info.fingerprint,
        "pictures": len(outcome.found),
        "failed": dict(outcome.failed),
        **measures(outcome),
        "by_label": {
            label: {"objects": precision.objects[label], "ap_voc": value, "ap_coco": precision.coco_by_label[label]}
            for label, value in precision.by_label.items()
        },
        "never_found": list(outcome.never_found),
        "best_f1": asdict(outcome.point),
        "ms_per_picture": round(outcome.ms, 2),
    }

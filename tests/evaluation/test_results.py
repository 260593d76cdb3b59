from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from visop.evaluation.evaluate import Gallery, Job, Outcome
from visop.evaluation.results import table, text_table, write_calibrations, write_csv

Evaluated = tuple[Job, Gallery, list[Outcome]]


def test_the_row_of_all_is_the_mean_of_the_others(evaluated: Evaluated) -> None:
    rows = table(evaluated[2][0])
    values = [rows[name]["recall@1"] for name in ("mirror", "brighter", "noise", "crop-25")]
    assert rows["all"]["recall@1"] == pytest.approx(sum(values) / 4)
    assert rows["all"]["recall at fpr 0.01"] == pytest.approx(evaluated[2][0].calibration.thresholds[0].recall)


def test_the_csv_file_has_a_row_for_each_measure_of_each_transformation(evaluated: Evaluated, tmp_path: Path) -> None:
    write_csv(tmp_path / "results.csv", evaluated[2])
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 5  # recall@1, @10, mAP, median rank, and 1,128 pairs of pictures support one rate only
    [row] = [each for each in rows if (each["transformation"], each["measure"]) == ("noise", "recall@1")]
    assert (row["encoder"], row["fingerprint"], row["value"]) == ("thumbnails", "thumbnails-1", "1")


def test_the_calibration_file_has_what_a_card_needs(evaluated: Evaluated, tmp_path: Path) -> None:
    write_calibrations(tmp_path / "calibration.json", evaluated[2])
    entry = json.loads((tmp_path / "calibration.json").read_text())["thumbnails"]
    assert entry["fingerprint"] == "thumbnails-1"
    assert entry["calibration"] == evaluated[2][0].calibration.card()


def test_the_table_is_aligned_and_ends_with_the_means(evaluated: Evaluated) -> None:
    lines = text_table(evaluated[2]).splitlines()
    assert lines[0].split() == ["recall@1", "thumbnails"]
    assert lines[3].split() == ["noise", "1.000"]
    assert lines[-1].startswith("mean recall at fpr 0.01")
    assert len({len(line) for line in lines}) == 1

"""Encoders measured with galleries of parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import run_command
from tests.evaluation.conftest import PICTURES, Thumbnails, job_of
from visop.errors import UsageError
from visop.evaluation.evaluate import evaluate
from visop.evaluation.kept_vectors import PartVectors
from visop.evaluation.parts import open_parts
from visop.search.scheme_thresholds import scheme_threshold


def test_parts_find_what_was_cut_out_and_the_rest_stays_as_it_is(folder: Path) -> None:
    edits = ["crop-50-corner", "noise"]
    with open_parts("regions:10", {}) as parts:
        _, [outcome] = evaluate(job_of(folder, edits, parts=[parts]), [Thumbnails()], on_done=lambda: None)
    _, [alone] = evaluate(job_of(folder, edits), [Thumbnails()], on_done=lambda: None)
    assert outcome.calibration == alone.calibration
    [found] = outcome.in_parts
    assert (found.parts, found.name) == ("regions:10", "thumbnails regions:10")
    assert outcome.rankings["crop-50-corner"].recall_at(1) < 0.5
    assert found.rankings["crop-50-corner"].recall_at(1) > 0.9
    assert found.rankings["noise"].recall_at(1) == 1
    assert found.originals.recall_at(1) == 1
    assert found.calibration.picture_pairs == PICTURES * (PICTURES - 1) // 2
    assert found.calibration.thresholds[0].similarity > outcome.calibration.thresholds[0].similarity


def test_thresholds_of_a_scheme_are_those_that_a_search_takes(folder: Path, tmp_path: Path) -> None:
    words = ("--encoder", "phash", "--parts", "regions:10", "--parts", "none", "--out", str(tmp_path / "out"))
    assert run_command("evaluate", str(folder), *words, "--transformations", "mirror") == 0
    [facts] = json.loads((tmp_path / "out" / "calibration.json").read_text()).values()
    [threshold] = facts["calibration"]["schemes"]["regions:10"]["thresholds"]
    assert scheme_threshold(facts["calibration"], "regions:10+whole", 0.01, thorough=False) == threshold["similarity"]
    rows = (tmp_path / "out" / "results.csv").read_text()
    assert "phash regions:10," in rows
    assert "phash regions:10" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(("scheme", "why"), [("regions:9", "regions"), ("regions:10:pooled", "leave out :pooled")])
def test_a_scheme_that_cannot_be_measured_is_refused(scheme: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused, open_parts(scheme, {}):
        pass
    assert (refused.value.field, refused.value.value) == ("parts", scheme)


def test_parts_without_a_vector_are_left_out_but_one_row_stays_of_each_picture(tmp_path: Path) -> None:
    kept = PartVectors(tmp_path / "vectors", 2)
    kept.add(np.array([1, 0]), np.array([[0, 0], [0, 1]], np.float32))
    kept.add(np.array([0, 0]), np.zeros((0, 2), np.float32))
    kept.add(np.array([0, 1]), np.zeros((1, 2), np.float32))
    assert kept.gallery().tolist() == [[1, 0], [0, 1], [0, 0], [0, 1]]
    assert kept.starts().tolist() == [0, 2, 3]

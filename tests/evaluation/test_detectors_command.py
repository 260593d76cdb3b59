"""``visop evaluate`` of detectors, on scenes whose boxes a toy finds."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running, make_scene, run_command
from tests.toys import ToyProcessor
from visop.annotations.truth import AnnotatedPicture, Truth
from visop.annotations.voc import write_voc
from visop.detection import Box
from visop.errors import UsageError

RED, BLUE = (200, 0, 0), (0, 0, 250)
TOY = "tests.toys:ToyProcessor"


def annotate(folder: Path, name: str, *truths: Truth, drawn: dict[tuple[int, int, int], Box]) -> None:
    """A scene of 64 x 48 pixels, with what is drawn in it, and what is said to be."""
    for each in ("Annotations", "JPEGImages"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    path = folder / "JPEGImages" / f"{name}.png"
    path.write_bytes(make_scene(drawn))  # type: ignore[arg-type]
    write_voc(folder / "Annotations", AnnotatedPicture(path, (64, 48), truths))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures with all found, one with a red object that is elsewhere, one with what the toy knows no word for."""
    red, blue = (10, 5, 20, 10), (40, 20, 5, 8)
    folder = tmp_path / "annotated"
    for name in ("a", "b"):
        both = {RED: red, BLUE: blue}
        annotate(folder, name, Truth(red, "200-0-0"), Truth(blue, "0-0-250"), drawn=both)  # type: ignore[arg-type]
    annotate(folder, "c", Truth((40, 30, 20, 10), "200-0-0"), drawn={RED: red})
    annotate(folder, "d", Truth((1, 1, 9, 9), "nothing"), drawn={})
    return folder


def evaluate(*arguments: object) -> int:
    return run_command("evaluate", *arguments)


def test_the_table_the_report_and_the_files_are_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(folder, "--model", TOY, "--out", tmp_path / "out") == 0
    out, told = capsys.readouterr()
    assert "annotated: 4 pictures, 6 objects to find" in told
    table = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert table["0-0-250"] == ["2", "1.000"]
    assert table["nothing"] == ["1", "0.000"]
    found = json.loads((tmp_path / "out/results.json").read_text())["detectors"][0]
    assert found["by_label"]["200-0-0"]["objects"] == 3
    assert found["map_voc"] == pytest.approx((1 + found["by_label"]["200-0-0"]["ap_voc"]) / 3)
    assert found["best_f1"]["recall"] == pytest.approx(4 / 6)
    rows = list(csv.DictReader((tmp_path / "out/results.csv").read_text().splitlines()))
    assert {row["measure"] for row in rows} == {"ap_voc", "ap_coco", "objects", "map_voc", "map_coco", "map_coco_50"}
    page = (tmp_path / "out/report.html").read_text()
    assert "c.png</strong>: 1 missed, 1 wrong" in page
    assert page.count("data:image/webp") == 4  # c and d, annotated and found
    assert "a.png" not in page


def test_a_running_processor_is_measured_and_compared(
    folder: Path, tmp_path: Path, start_server: Callable[..., Running], capsys: pytest.CaptureFixture[str]
) -> None:
    processor = ToyProcessor()
    processor.labels = ("200-0-0", "0-0-250")
    address = start_server(processor).address
    assert evaluate(folder, "-e", address, "--out", tmp_path / "out") == 0
    out, told = capsys.readouterr()
    assert f"{address} never finds nothing; they are left out of its means" in told
    assert "nothing " not in out
    assert f"running at {address}" in (tmp_path / "out/report.html").read_text()
    assert evaluate(folder, "-e", address, "--model", TOY, "--limit", 3, "--out", tmp_path / "out") == 0
    assert [each["name"] for each in json.loads((tmp_path / "out/results.json").read_text())["detectors"]] == [
        TOY,
        address,
    ]


def test_the_val_of_a_data_set_is_measured_on_or_what_is_asked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = folder / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nc\n")
    (lists / "val.txt").write_text("b\n")
    for flags, said in (([], "annotated, val: 1 pictures, 2"), (["--split", "train"], "annotated, train: 2 pictures")):
        assert evaluate(folder, "--model", TOY, "--out", tmp_path / "out", *flags) == 0
        assert said in capsys.readouterr().err
    assert evaluate(folder, "--model", TOY, "--split", "all", "--out", tmp_path / "out") == 0
    assert "annotated: 4 pictures" in capsys.readouterr().err
    with pytest.raises(UsageError, match="split test: there is no such split; the folder has train, val"):
        evaluate(folder, "--model", TOY, "--split", "test", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--model", "phash"], "phash"),
        (["--model", TOY, "--encoder", "phash"], f"models {TOY}: cannot be compared with the encoder phash"),
        (["--model", TOY, "--transformations", "mirror"], "transformations mirror: is for encoders"),
        (["--model", TOY, "--groups"], "groups.*: is for encoders, not for detectors"),
        (["--model", TOY, "--exclude", "*.gif"], "exclude.*: is not for detectors: the annotations name the pictures"),
        (["--model", "tests.toys:ToyOperator"], "the encoder toy finds nothing in pictures"),
        (["--encoder", "phash", "--split", "val"], "split val: is for detectors"),
    ],
    ids=["no detector", "both", "transformations", "groups", "folder", "encoder", "split"],
)
def test_wrong_usage_is_told(flags: list[str], why: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=why):
        evaluate(folder, *flags, "--out", tmp_path / "out")


def test_annotations_that_the_detector_has_no_word_for_are_named(
    folder: Path, tmp_path: Path, start_server: Callable[..., Running]
) -> None:
    processor: Any = ToyProcessor()
    processor.labels = ("face",)
    processor.answer = []
    why = "finds nothing of what is annotated: 0-0-250, 200-0-0, nothing are annotated, and it finds face"
    with pytest.raises(UsageError, match=why):
        evaluate(folder, "-e", start_server(processor).address, "--out", tmp_path / "out")


def test_a_picture_that_cannot_be_looked_at_counts_as_one_without_boxes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "JPEGImages/a.png"
    path.write_bytes(path.read_bytes()[:-40])
    assert evaluate(folder, "--model", TOY, "--out", tmp_path / "out") == 0
    assert "could not look at" in capsys.readouterr().err
    [found] = json.loads((tmp_path / "out/results.json").read_text())["detectors"]
    assert (list(found["failed"]), found["pictures"]) == ([str(path)], 4)
    assert found["by_label"]["0-0-250"]["ap_voc"] == pytest.approx(6 / 11)

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Running, run_command
from tests.evaluation.conftest import PICTURES
from visop.cli import evaluate
from visop.cli.main import make_parser
from visop.errors import UsageError
from visop.evaluation.evaluate import Gallery, Job, Outcome
from visop.models.encoder_file import read_header, write_encoder_file


def run(*arguments: object) -> int:
    return run_command("evaluate", *arguments)


def test_the_report_the_table_and_the_files_are_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"x")
    edits = ("--transformations", "jpeg-20,mirror")
    status = run(folder, "--encoder", "phash", "--encoder", "dhash", "--out", tmp_path / "a" / "b", *edits)
    assert status == 0
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {
        "report.html",
        "results.csv",
        "calibration.json",
    }
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split() == ["recall@1", "phash", "dhash"]
    assert f"{PICTURES} pictures; the report is" in printed.out
    assert "broken.png: not an image" in printed.err


def test_folders_may_have_names_that_are_not_utf_8(folder: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.rename(odd)
    assert run(odd, "--encoder", "phash", "--transformations", "mirror", "--out", odd / "out") == 0
    assert (odd / "out" / "report.html").is_file()
    assert "caf\ufffd, 1 transformations" in (odd / "out" / "report.html").read_text("utf-8")


def test_a_running_operator_can_be_evaluated(folder: Path, tmp_path: Path, running_server: Running) -> None:
    edits = ("--transformations", "jpeg-20", "--limit", "5")
    run(folder, "--operator", running_server.address, "--out", tmp_path / "out", *edits)
    calibrations = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert calibrations[running_server.address]["fingerprint"] == "toy-1"


def test_an_address_as_an_encoder_is_a_running_operator_for_one_more_release(
    folder: Path, tmp_path: Path, running_server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    address, edits = running_server.address, ("--transformations", "mirror", "--limit", "5")
    run(folder, "--encoder", address, "--encoder", "phash", "--out", tmp_path / "out", *edits)
    assert list(json.loads((tmp_path / "out" / "calibration.json").read_text())) == [address, "phash"]
    told = f"write --operator {address} in place of --encoder {address}, which the next release will not know"
    assert capsys.readouterr().err.splitlines()[0] == f"visop: {told}"


def test_running_operators_and_encoders_are_compared_in_the_order_given() -> None:
    words = ["evaluate", "x", "--encoder", "phash", "-e", "vgg16:80", "--encoder", "vgg16:80"]
    chosen = make_parser().parse_args(words).encoder
    assert chosen == ["phash", "vgg16:80", "vgg16:80"]
    assert [isinstance(each, evaluate.Running) for each in chosen] == [False, True, False]


def test_a_limit_takes_the_same_pictures_every_time_and_not_the_first_ones(folder: Path) -> None:
    arguments = make_parser().parse_args(["evaluate", str(folder), "--limit", "10", "--seed", "1"])
    once, again = evaluate._job(arguments).paths, evaluate._job(arguments).paths
    assert once == again == sorted(once)
    assert once != [str(path) for path in sorted(folder.iterdir())][:10]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], "nowhere: must be a folder"),
        ([".", "--transformations", "x"], "^transformations x: must be one of"),
        ([".", "--encoder", "x", "--limit", "2"], "^encoder x: must be"),
    ],
)
def test_wrong_usage_is_told_before_the_work(
    arguments: list[str], reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=reason):
        run(*arguments)


def test_groups_without_folders_are_refused_before_the_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pictures are all in one folder, so that --groups leaves no pair"):
        run(folder, "--encoder", "no such encoder", "--groups", "--out", tmp_path / "out")


def test_an_out_folder_that_cannot_be_made_is_named_before_the_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=f"out {tmp_path / 'file'}: "):
        run(folder, "--encoder", "no such encoder", "--out", tmp_path / "file")


def test_nothing_heavy_is_imported_for_the_help() -> None:
    import subprocess
    import sys

    heavy = {"keras", "openvino", "PIL", "requests", "numpy", "jinja2", "imagehash", "scipy"}
    code = (
        "import sys; import visop.settings; before = set(sys.modules)\n"
        "import visop.cli.evaluate, visop.cli.compare\n"
        f"print(*sorted((set(sys.modules) - before) & {heavy}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_calibrating_what_is_no_encoder_file_is_refused_before_the_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="phash: has no card"):
        run(folder, "--encoder", "phash", "--out", tmp_path / "out", "--calibrate")


def test_calibrating_writes_the_thresholds_into_the_card(
    folder: Path, tmp_path: Path, evaluated: tuple[Job, Gallery, list[Outcome]]
) -> None:
    path = tmp_path / "e.safetensors"
    card = {"name": "mine", "metrics": {"val_recall": 0.5}}
    tensors = {"head/kernel": np.ones((2, 2), np.float32), "head/bias": np.zeros(2, np.float32)}
    write_encoder_file(path, model="embedded", pooling="gem", dimension=2, tensors=tensors, card=card)
    outcome = evaluated[2][0]
    assert evaluate._calibrate(path, outcome)
    found = read_header(path).card
    assert found["name"] == "mine"
    assert found["metrics"]["val_recall"] == 0.5
    assert found["metrics"]["evaluated"]["pictures"] == len(outcome.originals.first)
    assert found["calibration"] == outcome.calibration.card()
    assert found["calibration"]["fingerprint"] == "thumbnails-1"


def test_a_card_is_left_alone_where_the_pictures_are_too_few_for_a_threshold(
    tmp_path: Path, evaluated: tuple[Job, Gallery, list[Outcome]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "e.safetensors"
    tensors = {"head/kernel": np.ones((2, 2), np.float32), "head/bias": np.zeros(2, np.float32)}
    write_encoder_file(path, model="embedded", pooling="gem", dimension=2, tensors=tensors, card={"name": "mine"})
    outcome = evaluated[2][0]
    few = replace(outcome, calibration=replace(outcome.calibration, thresholds=(), picture_pairs=435))
    assert not evaluate._calibrate(path, few)
    assert read_header(path).card == {"name": "mine"}
    assert "not calibrated: 435 pairs of pictures are too few" in capsys.readouterr().err

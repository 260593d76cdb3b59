from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import make_image, picture_file, run_command
from tests.evaluation.test_compare import CALIBRATION


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OP_OPERATOR", "tests.toys:ToyOperator")
    monkeypatch.setenv("OP_WEIGHTS", "random")
    monkeypatch.setenv("OP_FETCH_ALLOW", "127.0.0.1")


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"toy": {"fingerprint": "toy-1", "calibration": CALIBRATION}}))
    return path


def file_of(tmp_path: Path, *colour: int) -> Path:
    path = tmp_path / f"{colour}.png"
    path.write_bytes(picture_file(colour))  # type: ignore[arg-type]
    return path


def test_no_verdict_on_nearly_empty_pictures_is_exit_status_2_and_names_them(
    tmp_path: Path, calibration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey, white = tmp_path / "grey.png", tmp_path / "white.png"
    grey.write_bytes(make_image((90, 90, 90)))
    white.write_bytes(make_image((255, 255, 255)))
    assert run(grey, white, "--calibration", calibration) == 2
    out, err = capsys.readouterr()
    assert out == "similarity 1.0000 (cosine), distance 0.0000 (L2)\n"
    why = "is nearly empty (0.0% of it differs from its background)"
    assert err == f"visop: no verdict: {grey} {why} and {white} {why}: nothing to compare\n"
    assert run(file_of(tmp_path, 50, 90, 20), white, "--json", "--calibration", calibration) == 2
    facts = json.loads(capsys.readouterr().out)
    assert (facts["is_copy"], facts["nearly_empty"], facts["marked"]) == (None, True, [1.0, 0.0])


def run(*arguments: object) -> int:
    return run_command("compare", *arguments)


def test_a_copy_is_exit_status_0_and_says_why(
    tmp_path: Path, calibration: Path, picture_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{picture_server}/100-200-40.png"
    assert run(file_of(tmp_path, 50, 100, 20), url, "--calibration", calibration) == 0
    words = capsys.readouterr().out
    assert words.startswith("a copy: similarity 1.0000 (cosine), distance 0.0000 (L2); 1.0000 ≥ 0.8000, the threshold")
    assert "0.0980% of 1,001,000 pairs of an edited copy and another picture passed for copies" in words
    assert "500,500 pairs of pictures" in words
    assert "95.0% of the edited copies were recognised; measured on 1,001 pictures (holiday photos)" in words


def test_another_picture_is_exit_status_1(
    tmp_path: Path, calibration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = file_of(tmp_path, 50, 0, 0), file_of(tmp_path, 0, 50, 0)
    assert run(*pictures, "--calibration", calibration) == 1
    assert capsys.readouterr().out.startswith("not a copy: similarity 0.0000 (cosine), distance 1.4142 (L2); 0.0000 <")


def test_no_calibration_is_exit_status_2_with_the_distance_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file_of(tmp_path, 50, 0, 0), file_of(tmp_path, 50, 50, 0)) == 2
    printed = capsys.readouterr()
    assert "distance 0.7654" in printed.out
    assert "no verdict: there is no calibration of this very encoder. `visop evaluate" in printed.err


def test_programs_get_json(tmp_path: Path, calibration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = file_of(tmp_path, 50, 0, 0)
    assert run(picture, picture, "--json", "--calibration", calibration, "--fpr", "0.01") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["is_copy"] is True
    assert facts["trust"]["threshold"] == 0.6
    assert facts["fingerprint"] == "toy-1"


def test_errors_are_exit_status_2_and_name_the_picture(
    tmp_path: Path, calibration: Path, picture_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = file_of(tmp_path, 50, 0, 0)
    for wrong in (tmp_path / "missing.png", calibration, f"{picture_server}/page", f"{picture_server}/nothing"):
        assert run(picture, wrong, "--calibration", calibration) == 2
        assert capsys.readouterr().err.startswith(f"visop: {wrong}: ")
    assert run(picture, picture, "--fpr", "0.5", "--calibration", calibration) == 2


@pytest.mark.parametrize("rate", ["0", "1", "-1", "nan", "often"])
def test_a_rate_is_between_0_and_1(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        run("a", "b", f"--fpr={rate}")
    assert error.value.code == 2
    assert "must be between 0 and 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_network_is_evaluated_and_then_compares_with_its_calibration(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OP_OPERATOR", "OP_WEIGHTS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("OP_CACHE_DIR", str(tmp_path / "cache"))
    out = tmp_path / "out"
    arguments = ("--encoder", "mobilenetv2:random", "--out", out, "--limit", "46")
    edits = ("--transformations", "mirror,jpeg-20,grey")
    assert run_command("evaluate", folder, *arguments, *edits) == 0
    model = ("--model", "mobilenetv2", "--weights", "random", "--calibration", out / "calibration.json")
    assert run(folder / "00.png", folder / "00.png", "--fpr", "1e-2", *model) == 0
    assert "46 pictures (pictures, 3 transformations)\n" in capsys.readouterr().out

"""``visop generate``, as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import run_command
from visop.cli.main import main


def _run(*arguments: str) -> int:
    return run_command("generate", *arguments)


def test_pictures_are_written_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a" / "b"
    assert _run(str(folder), "--count", "2", "--size", "32", "--processes", "1") == 0
    assert len(list(folder.iterdir())) == 2
    assert capsys.readouterr().out == f"2 pictures in {folder}\n"


@pytest.mark.parametrize(
    ("flag", "value", "least"),
    [
        ("--count", "0", 1),
        ("--size", "31", 32),
        ("--size", "1025", 32),
        ("--seed", "-1", 0),
        ("--count", "many", 1),
        ("--processes", "1.5", 0),
    ],
)
def test_wrong_numbers_are_refused_with_the_rule(
    flag: str, value: str, least: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        _run(str(tmp_path), "--count", "1", f"{flag}={value}")
    assert exit_.value.code == 2
    assert f"{flag}: {value}: must be a whole number from {least}" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert main(["generate", "--out", str(tmp_path / "file"), "--count", "1"]) == 2
    assert capsys.readouterr().err == f"visop: --out {tmp_path / 'file'}: File exists\n"


def test_the_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _run("--help")
    out = capsys.readouterr().out
    assert "visop generate --out generated/ --count 25000" in out
    assert "default 256" in out

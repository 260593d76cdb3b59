"""``visop remove`` as it is typed: one index for all, filled again before each test."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import run_command
from tests.search.conftest import write_pictures
from visop.cli.main import main

ENCODER = ["--class", "tests.toys:ToyOperator"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("remove")
    write_pictures(home / "photos", 10)
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, on an index that has all pictures."""
    monkeypatch.setenv("OP_CACHE_DIR", str(home / "cache"))
    monkeypatch.chdir(home)
    assert run_command("index", "photos", "--quiet", *ENCODER) == 0
    return remove


def remove(*words: object) -> int:
    return main(["remove", *map(str, words)])


def test_names_go_and_the_summary_says_that_files_stay(
    run: Callable[..., int], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("photos/1.png", home / "photos" / "2.png") == 0
    assert capsys.readouterr().out == "visop.db, index pictures: 2 pictures removed, 8 left; no file was touched\n"
    assert run("photos/1.png", "photos", "nowhere/", "--id", "0" * 64) == 1
    captured = capsys.readouterr()
    assert "8 pictures removed, 0 left" in captured.out
    for missing in ("photos/1.png", "nowhere/", "0" * 64):
        assert f"visop: {missing}: not in the index\n" in captured.err
    assert len(list((home / "photos").iterdir())) == 10


@pytest.mark.slow
def test_a_dry_run_lists_every_name_and_changes_nothing(
    run: Callable[..., int], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--filter", "width > 0", "--dry-run") == 0
    captured = capsys.readouterr()
    assert captured.out == "".join(f"{home}/photos/{number}.png\n" for number in range(10))
    assert captured.err == "visop: would remove 10 pictures; nothing was changed\n"
    assert run("photos", "--quiet") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("answer", "status", "left"), [pytest.param("", 1, 10, marks=pytest.mark.slow), ("y\n", 0, 0)])
def test_more_than_a_handful_is_asked_about_on_a_terminal(
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    status: int,
    left: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    assert run("photos") == status
    assert "  ... and 5 more\nRemove 10 pictures from the index? Their files stay. [y/N] " in screen.getvalue()
    assert ("nothing was removed" in screen.getvalue()) is (status == 1)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    run("photos", "--dry-run")
    assert len(capsys.readouterr().out.splitlines()) == left + (status == 0)


@pytest.mark.slow
def test_a_handful_is_not_asked_about_and_yes_answers_before(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    assert run("photos/1.png") == 0
    assert run("photos", "--yes") == 0
    assert "[y/N]" not in screen.getvalue()
    assert "9 pictures removed, 0 left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing is named that should be removed"),
        (["--filter", "widht > 3"], "--filter widht > 3: "),
        (["", "--quiet"], "an empty name is none"),
        (["a.png", "--uri", "x"], "--uri x: must end in .db"),
        (["a.png", "--uri", "no.db"], "there is no no.db"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_in_the_words_of_the_command(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(home)
    assert remove(*words) in (1, 2)
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_name_cannot_write_to_the_terminal(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("\033[31m.png") == 1
    assert "\033" not in capsys.readouterr().err

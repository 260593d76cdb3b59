"""Errors of the library in the words of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from visop.cli.flags import Formatter, explain
from visop.cli.main import make_parser
from visop.errors import SettingsError, UsageError, WeightsError


def said(error: UsageError, *words: str) -> str:
    return explain(error, make_parser().parse_args(words))


def test_an_argument_is_named_by_its_flag() -> None:
    assert said(UsageError("uri", "x", "must end in .db"), "index", "a", "--uri", "x") == "--uri x: must end in .db"
    assert said(UsageError("operators", "x:1", "is none"), "index", "a", "-e", "x:1") == "--operator x:1: is none"


def test_an_argument_without_a_flag_is_its_value() -> None:
    error = UsageError("folder", "nowhere", "no such folder")
    assert said(error, "whiten", "nowhere", "--out", "o") == "nowhere: no such folder"


def test_an_argument_that_the_command_does_not_have_keeps_its_name() -> None:
    assert said(UsageError("token", "", "is refused"), "health") == "token: is refused"
    assert said(UsageError("", "", "nothing to do"), "health") == "nothing to do"


def test_a_setting_is_named_by_its_flag_if_that_was_given_and_else_by_its_variable() -> None:
    error = SettingsError("threads", -1, "must be at least 0")
    assert said(error, "serve", "--threads=-1") == "--threads -1: must be at least 0"
    assert said(error, "serve") == "OP_THREADS=-1: must be at least 0"
    assert said(error, "health") == "OP_THREADS=-1: must be at least 0"


def test_a_class_is_named_by_its_own_flag_and_not_by_that_of_a_running_operator() -> None:
    error = SettingsError("operator", "my:Own", "there is no such module:Class")
    words = ("encode", "a", "--out", "v.npy")
    assert said(error, *words, "--class", "my:Own") == "--class my:Own: there is no such module:Class"
    assert said(error, *words) == "OP_OPERATOR=my:Own: there is no such module:Class"


def test_a_processor_that_was_given_as_parts_is_named_so() -> None:
    error = SettingsError("processor", "regions:7", "must be one of regions:5, regions:10")
    assert said(error, "index", "a", "--parts", "regions:7").startswith("--parts regions:7: must be one of")
    assert said(error, "index", "a").startswith("OP_PROCESSOR=regions:7: must be one of")


@pytest.mark.parametrize("words", [("compare", "a", "b", "--draw"), ("search", "a", "--html")], ids=min)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args([*words, str(tmp_path / "no" / "seen.png")])
    assert f"argument {words[-1]}: {tmp_path}/no/seen.png: must be a file in a folder" in capsys.readouterr().err


def test_no_parts_at_all_are_asked_for_by_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["index", "a", "--parts", ""])
    assert "--parts: is empty: must be a processor, such as regions:10, or none" in capsys.readouterr().err


def test_weights_are_named_by_their_flag_if_that_was_given_and_else_by_their_variable() -> None:
    error = WeightsError("weights", "w.h5", "no such file")
    assert said(error, "serve", "--weights", "w.h5") == "--weights w.h5: no such file"
    assert said(error, "serve") == "OP_WEIGHTS w.h5: no such file"


def test_an_old_spelling_is_answered_with_the_new_one() -> None:
    error = UsageError("pictures", "nowhere", "no such folder or file")
    assert said(error, "run", "--photos", "nowhere") == "--pictures nowhere: no such folder or file"


@pytest.mark.parametrize("width", range(20, 60, 3))
def test_no_line_ends_inside_a_flag(width: int) -> None:
    words = "Some words, then --max-batch 16 and more words, then --max-image-bytes"
    parser = argparse.ArgumentParser(epilog=words, formatter_class=lambda prog: Formatter(prog, width=width))
    parser.add_argument("--x", help=words)
    assert parser.format_help().count("--max-batch") == parser.format_help().count("--max-image-bytes") == 2


@pytest.mark.parametrize("width", [40, 100])
def test_notes_are_filled_and_examples_are_left_alone(width: int) -> None:
    example = "examples:\n  visop run --pictures ~/Pictures    with a very long explanation behind it"
    notes = f"A sentence of many words, which has to go over\nseveral lines somewhere.\n\n{example}\n"
    parser = argparse.ArgumentParser(epilog=notes, formatter_class=lambda prog: Formatter(prog, width=width))
    text = parser.format_help()
    assert example in text
    assert ("which has to go over several lines" in text) == (width == 100)


@pytest.mark.parametrize(
    ("command", "own", "engine"),
    [("search", "--k N", "--model TEXT"), ("serve", "--endpoint HOST:PORT", "--max-batch N")],
)
def test_the_settings_of_the_engine_are_in_a_help_of_their_own(
    command: str, own: str, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    helps = []
    for flag in ("--help", "--help-engine"):
        with pytest.raises(SystemExit) as caught:
            make_parser().parse_args([command, flag])
        assert caught.value.code == 0
        helps.append(capsys.readouterr().out)
    assert own in helps[0]
    assert engine not in helps[0]
    assert "examples:" in helps[0]
    assert engine in helps[1]
    assert own not in helps[1]


def test_usage_on_stderr_does_not_list_the_settings_of_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["search"])
    error = capsys.readouterr().err
    assert "--filter" in error
    assert "--model" not in error

"""What the version before spelled otherwise works for one more release, and says what to write."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from visop.cli.main import make_parser

URL = "http://127.0.0.1:1/"


def parse(*words: str) -> argparse.Namespace:
    return make_parser().parse_args(words)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("serve --operator my:Own", "serve --class my:Own", "--class my:Own in place of --operator"),
        ("info --operator my:Own", "info --class my:Own", "--class my:Own in place of --operator my:Own"),
        ("encode a --out v.npy --operator my.own:Own_1", "encode a --out v.npy --class my.own:Own_1", "--class my.own"),
        ("compare a b --operator my:Own", "compare a b --class my:Own", "--class my:Own in place of --operator"),
        ("run --photos here", "run --pictures here", "--pictures here in place of --photos"),
        ("run --http 127.0.0.1:1", "run --http-endpoint 127.0.0.1:1", "--http-endpoint 127.0.0.1:1 in place of --http"),
        (f"collect {URL} --out p --max 7", f"collect {URL} --out p --limit 7", "--limit 7 in place of --max"),
        ("generate there --count 1", "generate --out there --count 1", "--out there in place of there"),
        ("generate --count 1 there", "generate --count 1 --out there", "--out there in place of there"),
    ],
)
def test_an_old_spelling_means_the_new_one_and_says_so_in_one_line(
    old: str, new: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = vars(parse(*new.split())) | {"parser": None}
    assert capsys.readouterr().err == ""
    assert vars(parse(*old.split())) | {"parser": None} == wanted
    line = capsys.readouterr().err
    assert line.startswith(f"visop: write {told}")
    assert line.endswith("which the next release will not know\n")
    assert line.count("\n") == 1


def test_a_flag_that_is_repeated_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("run", "--photos", "a", "--pictures", "b", "--photos", "c").pictures == ["a", "b", "c"]
    assert capsys.readouterr().err.count("\n") == 1


def test_an_old_spelling_is_checked_as_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("collect", URL, "--out", "p", "--max", "0")
    assert "argument --max: 0: must be a whole number from 1" in capsys.readouterr().err


def test_where_the_result_goes_must_still_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("generate", "--count", "1")
    assert "the following arguments are required: --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "old"),
    [
        ("serve", "--operator"),
        ("compare", "--operator"),
        ("run", "--photos"),
        ("run", "--http "),
        ("collect", "--max "),
    ],
)
def test_no_help_has_an_old_spelling(command: str, old: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(command, "--help")
    assert old not in capsys.readouterr().out


def test_the_help_of_generate_names_no_positional(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("generate", "--help")
    assert "folder" not in capsys.readouterr().out


@pytest.mark.parametrize("address", ["localhost:50051", "10.0.0.7:80", "[::1]:80", "dns:///operators:50051"])
def test_an_address_is_a_running_operator_and_not_a_class(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flag in ("-e", "--operator"):
        arguments = parse("encode", "a", "--out", str(tmp_path / "v.npy"), flag, address)
        assert (arguments.operator, arguments.setting_operator) == (address, None)
    assert capsys.readouterr().err == ""

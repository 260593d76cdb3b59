from __future__ import annotations

from pathlib import Path

import pytest

from visop.cli.index_flags import uri_of
from visop.cli.main import make_parser


def uri(*words: str) -> str:
    return uri_of(make_parser().parse_args(["duplicates", *words]))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_default_index_is_visop_db(capsys: pytest.CaptureFixture[str]) -> None:
    assert uri() == "visop.db"
    assert uri("--uri", "other.db") == "other.db"
    assert capsys.readouterr().err == ""


def test_the_index_of_the_version_before_is_opened_and_one_line_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "opkit.db").mkdir()
    assert uri() == "opkit.db"
    told = "opening opkit.db, the index of the version before; rename it to visop.db, or name it with --uri"
    assert capsys.readouterr().err == f"visop: {told}\n"
    assert uri("--uri", "other.db") == "other.db"


def test_an_index_of_this_version_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "opkit.db").mkdir()
    (tmp_path / "visop.db").mkdir()
    assert uri() == "visop.db"
    assert capsys.readouterr().err == ""

"""``visop analyses migrate``, on files of SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from visop.cli.main import main


def test_tables_are_made_and_what_is_done_is_not_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new.db"
    for _ in range(2):
        assert main(["analyses", "migrate", "--database", str(file)]) == 0
        assert capsys.readouterr().out == f"{file}: the tables are those of this version\n"


def test_a_database_is_named_by_its_variable_and_refused_by_its_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISOP_DATABASE", str(tmp_path / "other.db"))
    assert main(["analyses", "migrate"]) == 0
    assert (tmp_path / "other.db").exists()
    assert main(["analyses", "migrate", "--database", str(tmp_path / "no" / "such.db")]) == 2
    assert capsys.readouterr().err.startswith("visop: --database ")

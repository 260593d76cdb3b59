"""``visop analyses migrate`` and ``prune``, on files of SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from visop.cli.main import main, make_parser


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


def test_prune_takes_a_time_span_and_says_what_it_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "new.db")
    assert main(["analyses", "migrate", "--database", file]) == 0
    assert main(["analyses", "prune", "--keep", "30d", "--database", file]) == 0
    assert capsys.readouterr().out.endswith("0 records deleted\n")
    with pytest.raises(SystemExit):
        main(["analyses", "prune", "--keep", "0d", "--database", file])
    assert "0d: must be a time span from 1m" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "name", "where"),
    [
        ("faces=10.0.0.7:50051", "faces", "10.0.0.7:50051"),
        ("faces:50051", "faces", "faces:50051"),
        ("10.0.0.7:50051", "10.0.0.7:50051", "10.0.0.7:50051"),
    ],
)
def test_an_operator_has_the_name_that_it_is_given_or_that_of_its_host(given: str, name: str, where: str) -> None:
    parsed = make_parser().parse_args(["analyses", "serve", "--operator", given, "--class", "a.b:Logos"])
    assert parsed.operators == [(name, where)]
    assert parsed.classes == [("Logos", "a.b:Logos")]


@pytest.mark.parametrize("given", ["faces=nowhere", "no name=h:1", "=h", "faces="])
def test_what_names_no_operator_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["analyses", "serve", "--operator", given])
    assert "--operator" in capsys.readouterr().err

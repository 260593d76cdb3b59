"""The database: its addresses, its transactions, and its tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from visop.analyses.database import Database
from visop.analyses.database_url import database_url, shown
from visop.analyses.errors import DatabaseUnavailable
from visop.analyses.models import Analysis, Picture
from visop.errors import UsageError


@pytest.fixture
def database(tmp_path: Path):
    with Database(str(tmp_path / "analyses.db")) as found:
        found.migrate()
        yield found


def test_what_is_raised_within_a_transaction_undoes_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_after_adding(database)
    with database.reading() as session:
        assert session.scalars(select(Picture)).all() == []


def fail_after_adding(database: Database) -> None:
    with database.session() as session:
        session.add(Picture(digest="0" * 64, size=1, media_type="image/png"))
        session.flush()
        raise ZeroDivisionError


def test_a_record_refers_only_to_a_picture_that_is_there(database: Database) -> None:
    with pytest.raises(IntegrityError), database.session() as session:
        session.add(Analysis(digest="0" * 64, operators=["a"]))


def test_a_writer_waits_for_another_only_so_long(database: Database) -> None:
    other = Database(str(database.url.database), lock_wait_s=0.05)
    with other, database.session(), pytest.raises(DatabaseUnavailable, match="busy"), other.session():
        pass


def test_a_reader_waits_for_no_writer(database: Database) -> None:
    with database.session() as writer:
        writer.add(Analysis(operators=["a"]))
        writer.flush()
        with database.reading() as reader:
            assert reader.scalars(select(Analysis)).all() == []


def test_tables_of_a_later_version_are_left_alone(database: Database) -> None:
    with database.session() as session:
        session.execute(text("UPDATE visop_revision SET version_num = '9999'"))
    with pytest.raises(UsageError, match="later version"):
        database.migrate()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"x" * 5000)
    with Database(str(tmp_path / "no.db")) as database, pytest.raises(UsageError, match="no file of SQLite"):
        database.migrate()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with Database("postgresql://me:secret@127.0.0.1:1/x") as database:
        with pytest.raises(DatabaseUnavailable) as raised, database.session() as session:
            session.execute(text("SELECT 1"))
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["mysql://h/x", "://", "postgresql://h", ":memory:", "", "/nowhere/at/all.db"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        database_url(text)


def test_an_address_is_shown_without_its_password() -> None:
    assert shown(database_url("postgres://me:secret@h:5/x")) == "postgresql://me:***@h:5/x"


def test_a_connection_that_comes_back_after_the_end_is_closed(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "analyses.db"))
    database.migrate()
    with database.reading() as session:
        used = session.connection().connection.driver_connection
        database.close()
        database.close()
    assert used is not None
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        used.execute("SELECT 1")

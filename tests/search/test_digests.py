import sqlite3
import time
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from visop.search.digests import URL_STATE, Digests, FileState

DIGEST = "ab" * 32
OLD_NS = 1_600_000_000 * 10**9


def state(size, modified_ns, changed_ns=OLD_NS, inode=7):
    return FileState(size, modified_ns, changed_ns, inode)


def test_a_file_that_did_not_change_is_remembered_over_processes(tmp_path):
    with Digests(tmp_path / "cache" / "d.sqlite") as digests:
        digests.put("/a/b.jpg", state(10, OLD_NS), DIGEST)
    with Digests(tmp_path / "cache" / "d.sqlite") as digests:
        assert digests.get("/a/b.jpg", state(10, OLD_NS)) == DIGEST


def test_another_size_or_time_is_another_content(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", state(10, OLD_NS), DIGEST)
        assert digests.get("/a", state(11, OLD_NS)) is None
        assert digests.get("/a", state(10, OLD_NS + 1)) is None
        assert digests.get("/a", state(10, OLD_NS, changed_ns=OLD_NS + 1)) is None
        assert digests.get("/a", state(10, OLD_NS, inode=8)) is None
        assert digests.get("/b", state(10, OLD_NS)) is None


def test_a_file_that_may_still_change_within_a_tick_of_the_clock_is_not_remembered(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        now = time.time_ns()
        digests.put("/a", state(10, now), DIGEST)
        assert digests.get("/a", state(10, now)) is None


def test_two_processes_remember_at_the_same_time(tmp_path):
    path = tmp_path / "d.sqlite"
    with Digests(path, together=1) as one, Digests(path, together=1) as other:
        one.put("/a", state(10, OLD_NS), DIGEST)
        other.put("/b", state(10, OLD_NS), DIGEST)
    with Digests(tmp_path / "d.sqlite") as digests:
        assert digests.get("/a", state(10, OLD_NS)) == digests.get("/b", state(10, OLD_NS)) == DIGEST


def test_a_file_from_a_far_future_is_the_only_one_that_is_not_remembered(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", state(10, OLD_NS), DIGEST)
        for modified_ns in (2**63, -(2**63) - 1):
            digests.put("/b", state(10, modified_ns), DIGEST)
            assert digests.get("/b", state(10, modified_ns)) is None
        assert digests.get("/a", state(10, OLD_NS)) == DIGEST


def test_a_broken_file_is_done_without(tmp_path):
    (tmp_path / "d.sqlite").write_bytes(b"junk" * 1000)
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", state(10, OLD_NS), DIGEST)
        assert digests.get("/a", state(10, OLD_NS)) is None


def test_a_place_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").touch()
    with Digests(tmp_path / "file" / "d.sqlite") as digests:
        assert digests.get("/a", state(1, 1)) is None


def test_names_that_are_no_text_are_remembered(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/caf\udce9", state(1, OLD_NS), DIGEST)
        assert digests.get("/caf\udce9", state(1, OLD_NS)) == DIGEST


@pytest.mark.parametrize("inode", [0, 2**64 - 1])
def test_the_numbers_of_every_file_system_fit(tmp_path, inode):
    facts: Any = SimpleNamespace(st_size=10, st_mtime_ns=OLD_NS, st_ctime_ns=OLD_NS, st_ino=inode)
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", FileState.of(facts), DIGEST)
        assert digests.get("/a", FileState.of(facts)) == DIGEST


def test_of_the_version_before_addresses_are_known_and_files_read_once_more(tmp_path):
    with closing(sqlite3.connect(tmp_path / "d.sqlite")) as database, database:
        database.execute("CREATE TABLE digests (name BLOB PRIMARY KEY, size, modified_ns, digest BLOB)")
        rows = [(b"http://a", -1, 0, bytes.fromhex(DIGEST)), (b"/a", 10, OLD_NS, bytes.fromhex(DIGEST))]
        database.executemany("INSERT INTO digests VALUES (?, ?, ?, ?)", rows)
    with Digests(tmp_path / "d.sqlite") as digests:
        assert digests.get("http://a", URL_STATE) == DIGEST
        assert digests.get("/a", state(10, OLD_NS)) is None
    with closing(sqlite3.connect(tmp_path / "d.sqlite")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("contents",)]

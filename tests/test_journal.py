import pytest

from visop.errors import UsageError
from visop.journal import Journal


def entries(path):
    with Journal(path) as journal:
        return [entry for entry, _ in journal.entries()]


def test_entries_come_back_in_order(tmp_path):
    path = tmp_path / "journal"
    for number in range(3):
        with Journal(path) as journal:
            journal.append({"number": number})
    assert entries(path) == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_an_entry_is_on_disk_as_soon_as_it_is_appended(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.append({"number": 1})
        journal.sync()
        assert (tmp_path / "journal").read_bytes() == b'{"number": 1}\n'


@pytest.mark.parametrize("tail", [b'{"number"', b'{"number": 2}', b"\0\0\0\n", b"[1]\n"])
def test_a_torn_end_is_not_an_entry(tmp_path, tail):
    path = tmp_path / "journal"
    path.write_bytes(b'{"number": 1}\n' + tail)
    assert entries(path) == [{"number": 1}]


def test_what_is_cut_off_is_gone_and_what_follows_fits(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b'{"number": 1}\n{"torn')
    with Journal(path) as journal:
        [(_, end)] = journal.entries()
        journal.cut(end)
        journal.append({"number": 2})
    assert entries(path) == [{"number": 1}, {"number": 2}]


def test_names_that_are_not_text_survive(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.append({"input": "caf\udce9\n.jpg"})
    assert entries(tmp_path / "journal") == [{"input": "caf\udce9\n.jpg"}]


def test_two_cannot_write_at_the_same_time(tmp_path):
    with Journal(tmp_path / "journal"), pytest.raises(UsageError, match="another process"):
        Journal(tmp_path / "journal")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no/journal: cannot be written: No such file"):
        Journal(tmp_path / "no" / "journal")

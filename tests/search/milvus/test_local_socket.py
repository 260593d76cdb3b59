import os
import shutil
import socket
import stat
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from visop.search.milvus.local_socket import answers, claim_link, find_link, lead, socket_of


@pytest.fixture
def sockets(monkeypatch):
    """The folder for temporary files, with a short name."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


@pytest.fixture
def database(tmp_path, sockets):
    """The folder of a file, as Milvus Lite leaves it."""
    (tmp_path / "a.db").mkdir()
    (tmp_path / "a.db" / "LOCK").touch()
    return tmp_path / "a.db"


def listen(link):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(target := socket_of(link)))
    listener.listen()
    lead(link, target)
    return listener


def test_what_the_holder_of_the_lock_claims_is_found(database):
    assert find_link(database) is None
    link = claim_link(database)
    assert find_link(database) == claim_link(database) == link
    assert not answers(link)
    with closing(listen(link)):
        assert answers(link)
    assert not answers(link)


def test_only_its_user_may_enter(database):
    link = claim_link(database)
    assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in database.glob("socket.json*")] == [0o600]


def test_the_link_leads_to_the_last_holder_and_what_a_killed_one_left_is_deleted(database):
    link = claim_link(database)
    with closing(listen(link)), closing(listen(link)):
        assert answers(link)
        assert len(list(link.parent.iterdir())) == 2


def test_the_record_in_a_copy_is_not_followed(database):
    link = claim_link(database)
    copy = Path(shutil.copytree(database, database.with_name("copy.db")))
    assert find_link(copy) is None
    assert claim_link(copy) != link


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b'{"link": 5, "lock": 5}', b"\xff"])
def test_a_record_that_is_none_is_not_followed(database, junk):
    claim_link(database)
    (database / "socket.json").write_bytes(junk)
    assert find_link(database) is None
    assert find_link(database.with_name("none.db")) is None


def test_a_folder_that_others_may_enter_is_neither_followed_nor_used(database):
    link = claim_link(database)
    link.parent.chmod(0o755)
    assert find_link(database) is None
    assert claim_link(database).parent != link.parent


def test_a_link_in_place_of_the_folder_is_not_used(database, sockets):
    (sockets / "elsewhere").mkdir(mode=0o700)
    (sockets / f"visop-{os.geteuid()}").symlink_to("elsewhere")
    assert claim_link(database).parent.name != f"visop-{os.geteuid()}"


def test_where_names_of_temporary_files_are_too_long_for_a_socket_they_go_elsewhere(database, tmp_path, monkeypatch):
    (tmp_path / ("x" * 100)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    link = claim_link(database)
    try:
        with closing(listen(link)):
            assert answers(link)
    finally:
        link.resolve().unlink()
        link.unlink()

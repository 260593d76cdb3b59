"""A Milvus Lite file that something is wrong with: clear words, and nothing lost."""

import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from milvus_lite.db import MilvusLite
from milvus_lite.engine.collection import Collection as LiteCollection

from tests.search.conftest import contents
from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.errors import StoreDamaged, StoreReadOnly, StoreUnreachable
from visop.search.milvus.lite import open_lite
from visop.search.milvus.store import MilvusStore
from visop.search.schema import Picture, Row

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def uri(lite_uri):
    """Never that of a server."""
    return lite_uri


@pytest.fixture
def filled(open_index, folder, uri):
    """A store on disk that holds ten pictures."""
    with open_index() as index:
        index.add([folder])
    return Path(uri)


def test_a_proxy_for_the_web_is_not_asked_for_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with MilvusStore(str(tmp_path / "a.db")) as store:
        assert store.indexes() == []


@pytest.mark.parametrize("kind", ["DISKANN", "SCANN"])
def test_an_index_type_of_servers_is_refused_before_anything_is_made(index, folder, kind):
    with pytest.raises(UsageError, match=rf"^index_type {kind}.*: Milvus Lite has FLAT, HNSW"):
        index.add([folder], index_type=kind)
    index.add([folder / "1.png"])
    with pytest.raises(UsageError, match="index_type"):
        index.add([folder], index_type=kind)
    assert index.count() == 1
    assert index.add([folder]).new == 9


def test_a_file_that_another_program_has_open_says_so(uri):
    with (
        MilvusLite(uri),
        pytest.raises(StoreUnreachable, match="is open in another process that does not share it"),
        open_lite(Path(uri), wait_s=0.2),
    ):
        pass


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path}/none"):
        MilvusStore(str(tmp_path / "none" / "x.db"))


def spoil_schema(path):
    next(path.rglob("schema.json")).write_text("junk")


def spoil_rows(path):
    next(path.rglob("*.parquet")).write_text("junk")


def lose_rows(path):
    next(path.rglob("*.parquet")).unlink()


def spoil_manifest(path):
    for manifest in path.rglob("manifest.json*"):
        manifest.write_text("junk")


@pytest.mark.parametrize("spoil", [spoil_schema, spoil_rows, lose_rows, spoil_manifest])
def test_a_damaged_file_is_said_to_be_damaged(filled, spoil):
    spoil(filled)
    with MilvusStore(str(filled)) as store, pytest.raises(StoreDamaged, match=r"is damaged: .*index again"):
        store.find("test")


_FILL = """
import resource, signal, sys
import numpy as np
from visop.search.milvus.store import MilvusStore
from visop.search.schema import Picture, Row
from visop.search.errors import StoreFull

with MilvusStore(sys.argv[1]) as store:
    there = store.find("test")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    try:
        for number in range(100):
            there.upsert([Row(Picture(f"{number:064x}", ("n" * 1000,), 1, 1, 1, 1, 1), np.eye(3, dtype="f4")[0])] * 9)
    except StoreFull as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_full_disk_loses_nothing_that_was_there(filled, uri):
    """A limit on the size of a file stands for the end of the disk: the same call fails, in the same place."""
    done = subprocess.run([sys.executable, "-c", _FILL, uri], cwd=REPOSITORY, capture_output=True, text=True)
    assert "no space is left on the disk" in done.stdout, done.stderr
    with MilvusStore(uri) as store:
        there = contents(store.find("test"))
    assert sum(names[0].endswith(".png") for names, _ in there.values()) == 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_cannot_be_written_is_said_to_be_read_only(filled):
    for path in [filled, *filled.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        with pytest.raises(StoreReadOnly, match="cannot be written"):
            MilvusStore(str(filled))
    finally:
        for path in [filled, *filled.rglob("*")]:
            path.chmod(0o700)


def test_what_was_confirmed_survives_kill_nine(uri, filled):
    """The rows that were not in a segment yet are read from the journal."""
    copy = filled.with_name("copy.db")
    with MilvusStore(uri) as store:
        there = store.find("test")
        rows = [row for page in there.all_rows() for row in page]
        there.upsert(rows[:3])
        shutil.copytree(filled, copy)  # as it stands if the process dies now
        before = contents(there)
    with MilvusStore(str(copy)) as store:
        assert contents(store.find("test")) == before


def test_threads_that_write_at_once_take_turns(store, monkeypatch):
    """Else Milvus Lite's journal breaks now and then; it is slowed down here so that they meet each time."""
    collection = store.create("points", 1, OperatorInfo("toy", "toy", 2, "L2"))
    inside = threading.Lock()
    met: list[str] = []
    for name in ("upsert", "delete", "flush"):
        monkeypatch.setattr(LiteCollection, name, slow(getattr(LiteCollection, name), inside, met))

    def write(first):
        for number in range(first, first + 5):
            collection.upsert([point(number)])
            collection.delete([point(number).picture.id])
            collection.settle()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, (0, 100, 200)))
    assert met == []
    assert collection.count() == 0


def test_rows_on_their_way_into_a_segment_are_seen(store, monkeypatch):
    """Milvus Lite looks into the segments and then into memory, which is slowed down here in between."""
    collection = store.create("points", 1, OperatorInfo("toy", "toy", 2, "L2"))
    collection.upsert([point(number) for number in range(10)])
    has_looked = threading.Event()
    look = LiteCollection._read_snapshot

    def slowly(self):
        segments = look(self)
        has_looked.set()
        time.sleep(0.1)
        return segments

    monkeypatch.setattr(LiteCollection, "_read_snapshot", slowly)
    with ThreadPoolExecutor(1) as pool:
        count = pool.submit(collection.count)
        assert has_looked.wait(10)
        collection.settle()
        assert count.result() == 10


def slow(method, inside, met):
    """The method, which notes when a second thread comes in."""

    def call(*arguments, **named):
        is_alone = inside.acquire(blocking=False)
        met.extend([] if is_alone else [method.__name__])
        time.sleep(0.01)
        try:
            return method(*arguments, **named)
        finally:
            if is_alone:
                inside.release()

    return call


def point(number):
    picture = Picture(f"{number:064x}", (f"/{number}",), 1, 1, 1, 1, 1)
    return Row(picture, np.array([1, number], np.float32))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_for_the_web_is_not_asked_for_a_server_of_this_machine(lite_server, monkeypatch, host):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with MilvusStore(lite_server.replace("127.0.0.1", host)) as store:
        assert store.indexes() == []

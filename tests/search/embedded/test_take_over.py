"""Folders of Milvus Lite 3, from which indexes are taken over."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import signal
import time
import zipfile
from pathlib import Path

import pytest

from visop.search.embedded.store import EmbeddedStore
from visop.search.embedded.take_over import KEPT
from visop.search.errors import StoreDamaged, StoreError, StoreUnreachable
from visop.search.milvus.library import import_milvus_lite

OLD = Path(__file__).parents[2] / "data" / "opkit-0.1" / "index-f32.zip"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An index of opkit 0.1 with six pictures."""
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(tmp_path / "old.db")
    return tmp_path / "old.db"


def test_everything_is_there_and_the_old_is_kept(old: Path) -> None:
    with EmbeddedStore(old) as store:
        collection = store.find("pictures")
        rows = [row for page in collection.all_rows() for row in page]
        assert (len(rows), collection.name, collection.operator.metric_type) == (6, "pictures__1", "L2")
        assert [hits[0].picture for hits in collection.search([row.vector for row in rows], 1)] == [
            row.picture for row in rows
        ]
    ours = ["pictures__1.lock", "pictures__1.sqlite", "visop.json", "visop.lock"]
    assert sorted(each.name for each in old.iterdir()) == [KEPT, *ours]
    lite = import_milvus_lite()
    with lite.MilvusLite(str(old / KEPT)) as database:
        assert database.get_collection("pictures__1").num_entities == 6
    with EmbeddedStore(old) as store:
        assert store.find("pictures").count() == 6


def test_what_another_process_has_open_is_not_taken_over(old: Path) -> None:
    lite = import_milvus_lite()
    with lite.MilvusLite(str(old)), pytest.raises(StoreUnreachable, match=r"old.db is open in another process, of an"):
        EmbeddedStore(old)
    with EmbeddedStore(old) as store:
        assert store.find("pictures").count() == 6


def test_what_is_damaged_is_left_as_it_was(old: Path) -> None:
    (data,) = old.rglob("*.parquet")
    whole = data.read_bytes()
    data.write_bytes(b"junk")
    with pytest.raises(StoreDamaged):
        EmbeddedStore(old)
    data.write_bytes(whole)
    with EmbeddedStore(old) as store:
        assert store.find("pictures").count() == 6


def test_a_damaged_index_over_the_vectors_loses_nothing(old: Path) -> None:
    (index,) = old.rglob("*.idx")
    index.write_bytes(index.read_bytes()[:100])
    with EmbeddedStore(old) as store:
        assert store.find("pictures").count() == 6


def test_without_milvus_lite_it_is_said_what_to_install(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ = builtins.__import__

    def without(name: str, *arguments: object, **named: object) -> object:
        if name.startswith("milvus_lite"):
            raise ImportError("no milvus_lite")
        return import_(name, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"pip install 'visop\[milvus-lite\]'"):
        EmbeddedStore(old)


def _take_over(path: Path) -> None:
    EmbeddedStore(path).close()


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost(old: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):
        process = spawn.Process(target=_take_over, args=(old,))
        process.start()
        until = time.monotonic() + 60
        while not (old / "visop.lock").exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(delay)
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()
    with EmbeddedStore(old) as store:
        assert store.find("pictures").count() == 6

"""A store in a folder: what is special about it. What every store promises is in the tests of ``tests/search``."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visop.contract import OperatorInfo
from visop.detection import Detection, Part
from visop.errors import UsageError
from visop.search.embedded.allowed_rows import AllowedRows
from visop.search.embedded.collection import EmbeddedCollection
from visop.search.embedded.database import Database
from visop.search.embedded.filters import condition_of
from visop.search.embedded.rows import fields_of
from visop.search.embedded.store import EmbeddedStore
from visop.search.errors import NoSuchIndex, StoreDamaged, StoreFull, StoreReadOnly
from visop.search.limits import BatchLimits
from visop.search.schema import Picture, Row

DIMENSION = 8
TOY = OperatorInfo("toy", "f", DIMENSION, "COSINE")
SMALL = BatchLimits(flat=100)

#: Filters, and which widths meet them.
MEET: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "width < 9": lambda width: width < 9,
    "width >= 2991": lambda width: width >= 2991,
    "width % 20 == 0": lambda width: width % 20 == 0,
    "width % 100 == 1": lambda width: width % 100 == 1,
    "width >= 1500": lambda width: width >= 1500,
    "width < 700": lambda width: width < 700,
}


def vectors(count: int, seed: int = 1) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


def rows_of(made: np.ndarray, first: int = 0) -> list[Row]:
    return [
        Row(Picture(f"{number:064x}", (f"/{number}.png",), number, 5, 9, 3, 4), vector)
        for number, vector in enumerate(made, first)
    ]


def found(collection: EmbeddedCollection, query: np.ndarray, k: int, expression: str = "") -> list[int]:
    return [int(hit.picture.id, 16) for hit in collection.search([query], k, expression)[0]]


def nearest(made: np.ndarray, query: np.ndarray, k: int, among: np.ndarray | None = None) -> list[int]:
    order = np.argsort(-(made @ query), kind="stable")
    return [int(each) for each in order if among is None or among[each]][:k]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def made() -> np.ndarray:
    return vectors(600)


@pytest.fixture
def filled(path: Path, made: np.ndarray) -> Path:
    """600 pictures with an index over their vectors."""
    with EmbeddedStore(path, SMALL) as store:
        collection = store.create("test", 1, TOY)
        store.point("test", 1)
        collection.upsert(rows_of(made))
        collection.tune()
        assert str(collection.index_type) == "IVF_SQ8:nlist=24"
    return path


@pytest.mark.parametrize("expression", ["", "width < 300", "width in [5, 77, 301]", "width >= 590 or width == 3"])
def test_what_an_index_finds_is_what_comparing_all_finds(filled: Path, made: np.ndarray, expression: str) -> None:
    width = np.arange(len(made))
    meets = {
        "": width >= 0,
        "width < 300": width < 300,
        "width in [5, 77, 301]": np.isin(width, [5, 77, 301]),
    }.get(expression, (width >= 590) | (width == 3))
    with EmbeddedStore(filled, SMALL) as store:
        for query in vectors(10, seed=3):
            assert found(store.find("test"), query, 10, expression) == nearest(made, query, 10, meets)
        assert len(found(store.find("test"), made[0], 16384)) == 600


@pytest.mark.parametrize("expression", MEET)
def test_filters_that_many_few_near_or_far_pictures_meet_are_exact(
    tmp_path_factory: pytest.TempPathFactory, expression: str
) -> None:
    made = vectors(3000)
    made = made[np.argsort(-(made @ made[0]), kind="stable")]  # so that the width is the rank behind the first
    path = tmp_path_factory.getbasetemp() / "ranked.db"
    with EmbeddedStore(path, SMALL) as store:
        if not store.indexes():
            store.create("test", 1, TOY).upsert(rows_of(made))
            store.point("test", 1)
            store.find("test").tune()
        meets = MEET[expression](np.arange(3000))
        for query in (made[0], made[0], *vectors(5, seed=3)):
            assert found(store.find("test"), query, 10, expression) == nearest(made, query, 10, meets)
        assert found(store.find("test"), made[0], 3000, expression) == nearest(made, made[0], 3000, meets)


def test_rows_behind_the_index_are_found_and_deleted_ones_are_not(filled: Path, made: np.ndarray) -> None:
    with EmbeddedStore(filled, SMALL) as store, EmbeddedStore(filled, SMALL) as other:
        writer, reader = store.find("test"), other.find("test")
        assert found(reader, made[7], 1) == [7]
        writer.delete([f"{7:064x}"])
        writer.upsert(rows_of(vectors(50, seed=9), first=600))
        writer.upsert(rows_of(made[7:8], first=8))  # another vector than before
        now = np.concatenate([made, vectors(50, seed=9)])
        now[8] = made[7]
        is_there = np.arange(len(now)) != 7
        for query in (made[7], now[620]):
            assert found(reader, query, 10) == nearest(now, query, 10, is_there)
        writer.tune("IVF_SQ8:nlist=5")
        assert str(reader.index_type) == "IVF_SQ8:nlist=5"
        assert found(reader, made[7], 10) == nearest(now, made[7], 10, is_there)
        writer.tune("FLAT")
        assert found(reader, made[7], 10) == nearest(now, made[7], 10, is_there)
        assert not list(filled.glob("*.faiss*"))


def test_a_filter_means_what_is_written_deleted_and_changed_after_it_was_first_asked_for(
    filled: Path, made: np.ndarray
) -> None:
    expression, width = "width % 20 == 0", np.arange(603)
    with EmbeddedStore(filled, SMALL) as store, EmbeddedStore(filled, SMALL) as other:
        writer, reader = store.find("test"), other.find("test")
        assert found(reader, made[40], 40, expression) == nearest(made, made[40], 40, width[:600] % 20 == 0)
        writer.upsert(rows_of(vectors(3, seed=9), first=600))
        writer.delete([f"{40:064x}"])
        now = np.concatenate([made, vectors(3, seed=9)])
        meets = (width % 20 == 0) & (width != 40)
        assert found(reader, made[40], 40, expression) == nearest(now, made[40], 40, meets)
        (changed,) = rows_of(made[41:42], first=41)
        writer.upsert([replace(changed, picture=replace(changed.picture, width=60))])
        (now_too,) = rows_of(made[80:81], first=80)
        writer.upsert([replace(now_too, picture=replace(now_too.picture, width=81))])
        meets[41], meets[80] = True, False
        assert found(reader, made[40], 40, expression) == nearest(now, made[40], 40, meets)


def test_a_filter_is_not_looked_up_again_because_of_what_is_written(filled: Path, made: np.ndarray) -> None:
    with EmbeddedStore(filled, SMALL) as store, closing(Database(filled / "test__1.sqlite", "test")) as database:
        allowed, condition = AllowedRows(), condition_of("width < 9", fields_of({}))
        with database.reading() as connection:
            assert allowed.known(connection, "width < 9", condition) is None
            assert len(allowed.looked_up(connection, "width < 9", condition)) == 9
        store.find("test").upsert([*rows_of(vectors(50, seed=9), first=600), _of_width(5)])
        with database.reading() as connection:
            known = allowed.known(connection, "width < 9", condition)
            assert known is not None
            assert known.tolist() == [*range(1, 10), 651]


def _of_width(width: int) -> Row:
    (row,) = rows_of(vectors(1, seed=10), first=700)
    return replace(row, picture=replace(row.picture, width=width))


def test_an_index_is_built_in_the_background_and_completed(path: Path) -> None:
    with EmbeddedStore(path, SMALL) as store:
        collection = store.create("test", 1, TOY)
        made = vectors(1000)
        for start in range(0, 1000, 50):
            collection.upsert(rows_of(made[start : start + 50], start))
            assert found(collection, made[start], 1) == [start]
        collection.tune()
        assert len(list(path.glob("*.faiss*"))) == 1
        assert found(collection, made[5], 20) == nearest(made, made[5], 20)


def test_an_index_file_that_is_damaged_or_gone_is_done_without_and_built_anew(
    filled: Path, made: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    (index,) = filled.glob("*.faiss")
    os.truncate(index, 1000)
    with EmbeddedStore(filled, SMALL) as store:
        assert found(store.find("test"), made[5], 10) == nearest(made, made[5], 10)
        assert "cannot be used: has another size than was noted" in caplog.text
        store.find("test").tune()
        (built,) = filled.glob("*.faiss")
        assert built.stat().st_size > 1000
        assert found(store.find("test"), made[5], 10) == nearest(made, made[5], 10)


def test_names_can_change_without_new_vectors(filled: Path) -> None:
    with EmbeddedStore(filled, SMALL) as store:
        collection = store.find("test")
        (row,) = collection.rows([f"{3:064x}"])
        before = collection.search([row.vector], 1)[0][0]
        collection.upsert([Row(Picture(row.picture.id, ("/a", "/b"), 1, 2, 3, 4, 5), row.vector)])
        with closing(sqlite3.connect(filled / "test__1.sqlite")) as connection:
            assert connection.execute("SELECT max(row) FROM parts").fetchone() == (600,)
        assert collection.search([row.vector], 1)[0][0].score == before.score
        assert collection.search([row.vector], 1)[0][0].picture.names == ("/a", "/b")


def test_a_picture_with_parts_keeps_keypoints(path: Path) -> None:
    with EmbeddedStore(path) as store:
        collection = store.create("test", 1, OperatorInfo("toy", "f", DIMENSION, "L2", parts="faces"))
        whole, part = vectors(2)
        there = Detection((1.5, 2.0, 3.0, 4.0), "face", 0.75, ((1.0, 2.0), (-3.0, 4.5)))
        collection.upsert([Row(Picture("a", ("/a",), 1, 2, 3, 4, 5), whole, (Part(there, part),))])
        (hit,) = collection.search([part], 3)[0]
        assert (hit.number, hit.part, hit.score) == (1, there, 0.0)
        assert collection.rows(["a"])[0].parts[0].detection == there


def test_a_file_that_is_no_database_is_damaged(filled: Path) -> None:
    (filled / "test__1.sqlite").write_bytes(b"junk" * 1000)
    with EmbeddedStore(filled) as store, pytest.raises(StoreDamaged, match="is damaged: file is not a database"):
        store.find("test")
    (filled / "visop.json").write_text("junk")
    with pytest.raises(StoreDamaged, match=r"visop\.json is no list of indexes"):
        EmbeddedStore(filled)
    (filled / "visop.json").write_text('{"format": 99, "indexes": {}}')
    with pytest.raises(UsageError, match="has format 99, this visop reads 1: update visop"):
        EmbeddedStore(filled)


def test_a_full_disk_keeps_what_was_confirmed(filled: Path, made: np.ndarray) -> None:
    with EmbeddedStore(filled, SMALL) as store:
        collection = store.find("test")
        with collection._database._connection() as connection:
            connection.execute("PRAGMA max_page_count = 1")  # never below what there is
        with pytest.raises(StoreFull, match="no space is left on the disk"):
            collection.upsert(rows_of(vectors(5000, seed=4), first=1000))
        assert collection.count() == 600
        assert found(collection, made[5], 1) == [5]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_cannot_be_written_can_be_searched(filled: Path, made: np.ndarray) -> None:
    check_read_only(filled, made)


def check_read_only(filled: Path, made: np.ndarray) -> None:
    for each in (*filled.iterdir(), filled):
        each.chmod(0o500 if each.is_dir() else 0o400)
    try:
        with EmbeddedStore(filled) as store:
            assert found(store.find("test"), made[5], 3) == nearest(made, made[5], 3)
            with pytest.raises(StoreReadOnly, match="cannot be written"):
                store.find("test").delete([f"{5:064x}"])
    finally:
        filled.chmod(0o700)


def test_a_collection_that_another_deleted_takes_nothing(filled: Path, made: np.ndarray) -> None:
    with EmbeddedStore(filled) as store, EmbeddedStore(filled) as other:
        collection = store.find("test")
        other.delete("test")
        with pytest.raises(NoSuchIndex, match="has no collection test__1 any more"):
            collection.upsert(rows_of(made[:1]))
        with pytest.raises(NoSuchIndex, match="has no index 'test'; there are: none"):
            store.find("test")
        assert sorted(each.name for each in filled.iterdir()) == ["visop.json", "visop.lock"]


def test_a_collection_that_is_deleted_while_it_is_opened_is_not_there(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def late(*args: object, **more: object) -> sqlite3.Connection:
        for each in filled.glob("test__1.sqlite*"):
            each.unlink()
        return connect(*args, **more)  # type: ignore[call-overload]

    database = Database(filled / "test__1.sqlite", "store.db")
    with database.reading():  # the connection that is open
        monkeypatch.setattr(sqlite3, "connect", late)
        with pytest.raises(NoSuchIndex), database.reading():
            pass
    database.close()


def test_the_names_of_indexes_are_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    times: list[str] = []

    def counted(file: Path) -> bytes:
        times.append(file.name)
        return read(file)

    with EmbeddedStore(path) as store:
        for number in range(3):
            store.create(f"i{number}", 1, TOY)
            store.point(f"i{number}", 1)
        monkeypatch.setattr(Path, "read_bytes", counted)
        assert store.indexes() == ["i0", "i1", "i2"]
    assert times == ["visop.json"]


def test_a_copy_made_while_others_write_has_what_was_confirmed(tmp_path: Path) -> None:
    """As docs/operations/backup.md says: the databases and the record, without the index files."""
    made, copy = vectors(300), tmp_path / "copy.db"
    with EmbeddedStore(tmp_path / "live.db", SMALL) as store:
        collection = store.create("test", 1, TOY)
        store.point("test", 1)
        collection.upsert(rows_of(made[:200]))
        collection.tune()
        collection.upsert(rows_of(made[200:], 200))
        assert list((tmp_path / "live.db").glob("*.faiss"))
        copy.mkdir()
        shutil.copy(tmp_path / "live.db/visop.json", copy)
        for each in (tmp_path / "live.db").glob("*.sqlite"):
            with closing(sqlite3.connect(each)) as connection:
                connection.execute("VACUUM INTO ?", (str(copy / each.name),))
        collection.upsert(rows_of(vectors(50, 2), 300))
    with EmbeddedStore(copy, SMALL) as store:
        restored = store.find("test")
        assert restored.count() == 300
        assert found(restored, made[7], 3) == nearest(made, made[7], 3)
        restored.tune()
        assert found(restored, made[7], 3) == nearest(made, made[7], 3)
        assert list(copy.glob("*.faiss"))

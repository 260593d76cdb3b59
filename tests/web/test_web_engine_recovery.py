"""The interface of the original engine after its server was killed at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.conftest import make_scene, picture_file, running, wait_until
from tests.engine_client import EngineClient, given
from tests.search.conftest import colour_of
from tests.toys import ToyProcessor
from tests.web.test_web_engine import BLUE, RED, open_engine_site
from visop.errors import UsageError
from visop.search.store import open_store
from visop.web.engine.state import EngineDatabase

ROOT = Path(__file__).parents[2]

# Serves until it is killed; says where.
SERVE = """
import sys, threading
from pathlib import Path
from tests.web.test_web_engine import open_engine_site
with open_engine_site(Path(sys.argv[1])) as engine:
    print(engine.http.base_url.netloc.decode(), flush=True)
    threading.Event().wait()
"""


def index_of(home: Path, application: str) -> str:
    """The name of the index of an application with one field."""
    store = open_store(str(home / "test.db"))
    with store:
        [name] = [each for each in store.indexes() if each.startswith(f"{application}_")]
    return name


@pytest.mark.slow
def test_what_was_begun_when_the_server_was_killed_is_undone_at_the_next_start(tmp_path: Path) -> None:
    with open_engine_site(tmp_path) as engine:
        engine.register("own", "visop", "encoder")
        engine.pipeline("plain", "own")
        for name in ("kept", "half"):
            engine.application(name, f"{name}-bucket", image="plain")
        kept = engine.upload("kept", image=picture_file(RED))
        engine.upload("half", image=picture_file(RED))
        engine.upload("kept", image=picture_file(BLUE))
    kept_index = index_of(tmp_path, "kept")
    database = EngineDatabase(tmp_path / "engine" / "engine.sqlite")
    with database.changing() as connection:
        half = "UPDATE documents SET facts = json_set(facts, '$.state', 'creating') WHERE name = 'half'"
        connection.execute(half)
        statement = "SELECT collection, picture, entity FROM pictures WHERE collection = ? ORDER BY entity DESC LIMIT 1"
        index, picture, entity = connection.execute(statement, (kept_index,)).fetchone()
        connection.execute("INSERT INTO unfinished VALUES (?, ?)", (index, picture))
        connection.execute("DELETE FROM entities WHERE number = ?", (entity,))
    database.close()
    with open_engine_site(tmp_path) as engine:
        assert [each["name"] for each in engine.call("GET", "/application")] == ["kept"]
        engine.application("half", "half-bucket", image="plain")
        assert engine.search("kept", image=picture_file(BLUE)) == [kept["_id"]]
        names = [each["name"] for each in engine.call("GET", "/indexes")["indexes"]]
        assert len(names) == 3  # of the server, and of two applications
        assert engine.call("GET", f"/indexes/{kept_index}")["count"] == 1


def test_a_state_of_a_newer_visop_is_refused(tmp_path: Path) -> None:
    database = EngineDatabase(tmp_path / "engine.sqlite")
    with database.reading() as connection:
        connection.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(UsageError, match="has format 99"):
        EngineDatabase(tmp_path / "engine.sqlite")


def fill_until_killed(home: Path, most: int) -> None:
    """Start a server, upload pictures and delete every third one, from several threads; and kill it meanwhile."""
    done: list[int] = []
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        engine = EngineClient(server.stdout.readline().strip())
        with engine.http, ThreadPoolExecutor(3) as threads:
            for thread in range(3):
                threads.submit(fill_and_empty, engine, range(1000 * most + 100 * thread, 40_000), done)
            wait_until(lambda: len(done) >= most)
            server.kill()


def fill_and_empty(engine: EngineClient, numbers: Iterable[int], done: list[int]) -> None:
    with suppress(httpx.HTTPError):
        for number in numbers:
            entity = engine.upload("art", image=make_scene({colour_of(number): (4, 4, 20, 20)}))
            if number % 3 == 0:
                engine.call("DELETE", f"/application/art/entity/{entity['_id']}")
            done.append(number)


@pytest.mark.slow
def test_killed_while_it_is_filled_and_emptied_it_has_whole_entities_and_nothing_else(tmp_path: Path) -> None:
    with running(ToyProcessor()) as processor:
        with open_engine_site(tmp_path) as engine:
            engine.register("own", "visop", "encoder")
            engine.register("colours", processor.address, "processor")
            engine.pipeline("objects", "own", "colours")
            engine.application("art", "art-bucket", image="objects")
        for most in (7, 12):
            fill_until_killed(tmp_path, most)
        with open_engine_site(tmp_path) as engine:
            entities = engine.call("GET", "/application/art/entity?num=1000")
            assert len(entities) >= 10
            assert engine.call("GET", "/application/art/entity/count") == len(entities)
            assert engine.call("GET", f"/indexes/{index_of(tmp_path, 'art')}")["count"] == len(entities)
            found = engine.search("art", len(entities), image=make_scene({RED: (4, 4, 20, 20)}))
            assert sorted(found) == sorted(each["_id"] for each in entities)
            for each in entities:
                assert httpx.get(each["_docs"]["image"]["url"]).status_code == 200
            engine.upload("art", image=make_scene({(1, 2, 3): (4, 4, 20, 20)}))
            assert len(list((tmp_path / "engine" / "pictures").rglob("[0-9a-f]" * 64))) == len(entities) + 1


@contextmanager
def site_on_slow_storage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EngineClient, Slow]]:
    """A site that copies pictures into an object storage, and what makes that slow; with an application ``art``."""
    slow = Slow()

    def pipe_file(files: MemoryFileSystem, path: str, value: bytes, **options: object) -> None:
        write(files, path, value, **options)
        slow.wait_for(value)

    write = MemoryFileSystem.pipe_file
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", pipe_file)
    with open_engine_site(home, keep_originals=f"memory://{home.name}") as engine:
        engine.register("own", "visop", "encoder")
        engine.pipeline("plain", "own")
        engine.application("art", "art-bucket", image="plain")
        try:
            yield engine, slow
        finally:
            slow.go_on.set()


class Slow:
    """Holds up who writes a file, the first time."""

    def __init__(self) -> None:
        self.file = b""
        self.is_held, self.go_on = threading.Event(), threading.Event()

    def wait_for(self, value: bytes) -> None:
        if value == self.file and not self.is_held.is_set():
            self.is_held.set()
            assert self.go_on.wait(30)


def test_nobody_waits_while_a_picture_is_copied_into_a_slow_object_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site_on_slow_storage(tmp_path, monkeypatch) as (engine, slow), ThreadPoolExecutor(1) as threads:
        slow.file = picture_file(RED)
        upload = threads.submit(engine.upload, "art", image=slow.file)
        assert slow.is_held.wait(30)
        blue = engine.upload("art", image=picture_file(BLUE))
        engine.application("other", "other-bucket", image="plain")
        assert engine.search("art", image=picture_file(RED)) == [blue["_id"]]
        slow.go_on.set()
        assert engine.search("art", 1, image=picture_file(RED)) == [upload.result()["_id"]]


def test_a_copy_that_is_deleted_with_another_entity_during_an_upload_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site_on_slow_storage(tmp_path, monkeypatch) as (engine, slow), ThreadPoolExecutor(1) as threads:
        slow.file = picture_file(RED)
        upload = threads.submit(engine.upload, "art", image=slow.file)
        assert slow.is_held.wait(30)
        other = engine.upload("art", image=slow.file)
        engine.call("DELETE", f"/application/art/entity/{other['_id']}")
        slow.go_on.set()
        address = upload.result()["_docs"]["image"]["url"]
        assert httpx.get(address).content == slow.file


def test_an_upload_into_an_application_that_is_deleted_meanwhile_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site_on_slow_storage(tmp_path, monkeypatch) as (engine, slow), ThreadPoolExecutor(1) as threads:
        slow.file = picture_file(RED)
        upload = threads.submit(engine.http.post, "/application/art/upload", json={"fields": given(image=slow.file)})
        assert slow.is_held.wait(30)
        engine.call("DELETE", "/application/art?force=true")
        slow.go_on.set()
        assert upload.result().status_code == 404
        assert not [path for path in MemoryFileSystem.store if tmp_path.name in path]


def test_nobody_waits_while_the_copies_of_an_application_are_deleted_from_a_slow_object_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_held, go_on, remove = threading.Event(), threading.Event(), MemoryFileSystem.rm

    def rm(files: MemoryFileSystem, path: str, **options: object) -> None:
        is_held.set()
        assert go_on.wait(30)
        remove(files, path, **options)

    with site_on_slow_storage(tmp_path, monkeypatch) as (engine, _), ThreadPoolExecutor(1) as threads:
        engine.upload("art", image=picture_file(RED))
        monkeypatch.setattr(MemoryFileSystem, "rm", rm)
        deleted = threads.submit(engine.call, "DELETE", "/application/art?force=true")
        assert is_held.wait(30)
        engine.application("other", "other-bucket", image="plain")
        again = {"fields": {"image": {"type": "pipeline", "value": "plain"}}, "s3Bucket": "art-bucket"}
        assert engine.error("POST", "/application/art", again) == (400, "ExistError")
        go_on.set()
        deleted.result()
        engine.application("art", "art-bucket", image="plain")
        assert engine.call("GET", "/application/art/entity/count") == 0

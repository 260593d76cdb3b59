"""An index in a file, or in a real Milvus, with an operator that has a vector for every colour."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import picture_file
from tests.toys import ToyOperator
from visop.encoding.local import local_pictures
from visop.encoding.pool import Encoders
from visop.search.index import Index
from visop.search.store import Collection, Store, open_store
from visop.serving.part_encoder import AnyOperator
from visop.serving.pipeline import Pipeline
from visop.settings import Settings

#: ``http://HOST:PORT`` of a Milvus to test in place of a file, ``user:password@`` before HOST if need be.
SERVER = os.environ.get("VISOP_TEST_MILVUS", "").rstrip("/")


def colour_of(number: int) -> tuple[int, int, int]:
    """A colour whose direction, and so whose vector, no other number has."""
    return 50, 10 + number % 200, 200 - number // 200


def write_pictures(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Pictures ``0.png``, ``1.png``, ..., old enough for their content to be remembered."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(first, first + count)]
    for number, path in enumerate(paths, first):
        path.write_bytes(picture_file(colour_of(number)))
        make_old(path)
    return paths


def make_old(path: Path) -> None:
    os.utime(path, (1_600_000_000, 1_600_000_000))


def contents(collection: Collection) -> dict[str, tuple[tuple[str, ...], list[float]]]:
    """All there is that does not depend on the time: names and vector by id."""
    rows = [row for page in collection.all_rows() for row in page]
    return {row.picture.id: (row.picture.names, np.round(row.vector, 6).tolist()) for row in rows}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), cache_dir=tmp_path / "cache", fetch_allow=("127.0.0.1",), max_image_bytes=100_000)


@pytest.fixture
def file_uri(tmp_path: Path) -> str:
    return str(tmp_path / "test.db")


@pytest.fixture
def lite_server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of Milvus Lite: ``milvus-lite server``."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(tmp_path / "lite.db"))
    yield f"http://127.0.0.1:{port}"
    server.stop(0).wait()
    database.close()


@pytest.fixture
def uri(file_uri: str) -> Iterator[str]:
    """An empty store; of a server, a database that goes with the test."""
    if not SERVER:
        yield file_uri
        return
    with milvus_database() as address:
        yield address


@contextmanager
def milvus_database() -> Iterator[str]:
    """A database of the Milvus to test, which goes at the end."""
    from visop.search.milvus.library import MilvusClient

    name = f"visop_test_{uuid.uuid4().hex[:12]}"
    with closing(MilvusClient(SERVER)) as client:
        client.create_database(name)
    yield f"{SERVER}/{name}"
    with closing(MilvusClient(f"{SERVER}/{name}")) as client:
        for collection in client.list_collections():
            for alias in client.describe_collection(collection)["aliases"]:
                client.drop_alias(alias)
            client.drop_collection(collection)
        client.drop_database(name)


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    with open_store(uri) as store:
        yield store


@pytest.fixture
def operator() -> ToyOperator:
    return ToyOperator()


@pytest.fixture
def make_encoders(settings: Settings) -> Iterator[Callable[[AnyOperator], Encoders]]:
    """Encoders in this process, around operators that the test makes."""
    with ExitStack() as stack:

        def make(operator: AnyOperator) -> Encoders:
            pictures = local_pictures(operator, stack.enter_context(Pipeline(operator, settings)))
            return Encoders(pictures.info, settings.max_image_bytes, {"toy": pictures})

        yield make


@pytest.fixture
def encoders(make_encoders: Callable[[AnyOperator], Encoders], operator: ToyOperator) -> Encoders:
    return make_encoders(operator)


@pytest.fixture
def open_index(uri: str, settings: Settings, encoders: Encoders) -> Callable[..., Index]:
    """Open the index of this test, as often as it likes."""
    return lambda **changes: Index.open(uri, "test", **{"settings": settings, "encoders": encoders, **changes})


@pytest.fixture
def index(open_index: Callable[..., Index]) -> Iterator[Index]:
    with open_index() as index:
        yield index


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures."""
    write_pictures(tmp_path / "photos", 10)
    return tmp_path / "photos"

"""A database that is dead, frozen or restarted: a clear answer in under a second, and back by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from tests.analyses.servers import LocalServer, PostgreSQL
from tests.analyses.test_service import picture
from visop.analyses.database import Database
from visop.analyses.errors import DatabaseUnavailable
from visop.analyses.models import Analysis
from visop.analyses.opening import OperatorChoice
from visop.analyses.service import ServiceOptions, http_of, open_service
from visop.settings import Settings

pytestmark = pytest.mark.slow

#: What is promised is a second; what the machine itself takes under load comes on top.
SOON_S = 1.5


@pytest.fixture
def server(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    yield postgresql
    if postgresql.answers():
        return
    postgresql.start()


@contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON_S


def read(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Analysis)) or 0


def back(database: Database) -> int:
    """The answer once there is one."""
    for _ in range(100):
        try:
            return read(database)
        except DatabaseUnavailable:
            time.sleep(0.05)
    return read(database)


def test_a_database_that_is_killed_is_unavailable_at_once_and_back_when_it_is_started(server: PostgreSQL) -> None:
    with Database(server.new_database()) as database:
        database.migrate()
        server.kill()
        for _ in range(3):
            with soon(), pytest.raises(DatabaseUnavailable, match="does not answer"):
                read(database)
        server.start()
        assert back(database) == 0


def test_a_database_that_says_nothing_is_not_waited_for(server: PostgreSQL) -> None:
    with Database(server.new_database()) as database:
        database.migrate()
        server.freeze()
        try:
            for _ in range(3):
                with soon(), pytest.raises(DatabaseUnavailable, match="does not answer"):
                    read(database)
        finally:
            server.thaw()
        assert back(database) == 0


def test_the_service_answers_503_while_its_database_is_away_and_goes_on_after_it(
    server: LocalServer, tmp_path: Path
) -> None:
    assert isinstance(server, PostgreSQL)
    options = ServiceOptions(
        server.new_database(), str(tmp_path), [OperatorChoice("toy", path="tests.toys:ToyOperator")]
    )
    settings = Settings(http_endpoint="127.0.0.1:0")
    with (
        open_service(options, settings) as service,
        http_of(service, settings) as address,
        httpx.Client(base_url=f"http://{address}", timeout=20) as web,
    ):
        made = web.post("/analyses", files={"image": picture()}).json()
        server.kill()
        for method, path in (("GET", "/analyses"), ("GET", f"/analyses/{made['id']}"), ("DELETE", "/analyses/1")):
            with soon():
                answer = web.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE"), answer.text
            assert "Retry-After" in answer.headers
        with soon():
            assert web.post("/analyses", files={"image": picture()}).status_code == 503
        wait_for(web, 503)
        server.start()
        wait_for(web, 200)
        assert web.get(f"/analyses/{made['id']}").json() == made


def wait_for(web: httpx.Client, status: int) -> None:
    for _ in range(100):
        if web.get("/readyz").status_code == status:
            return
        time.sleep(0.1)
    raise AssertionError(f"/readyz never answered {status}")


WRITER = """
import sys
from visop.analyses.database import Database
from visop.analyses.models import Analysis

with Database(sys.argv[1]) as database:
    for _ in range(25):
        with database.session() as session:
            session.add(Analysis(operators=["a"]))
"""


def test_eight_processes_write_to_one_file(tmp_path: Path) -> None:
    address = str(tmp_path / "analyses.db")
    with Database(address) as database:
        database.migrate()
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, address]) for _ in range(8)]
        assert [each.wait() for each in writers] == [0] * 8
        assert read(database) == 200

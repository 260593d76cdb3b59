"""The servers that other tests stand on."""

from __future__ import annotations

import pytest

from tests.analyses.servers import LocalServer, PostgreSQL


@pytest.mark.slow
def test_a_database_keeps_its_rows_when_its_server_is_killed(postgresql: PostgreSQL) -> None:
    psycopg = pytest.importorskip("psycopg")
    url = postgresql.new_database().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgresql.kill()
    assert not postgresql.answers()
    postgresql.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rabbitmq", "redis_server"])
def test_a_broker_answers_at_the_same_port_after_a_restart(name: str, request: pytest.FixtureRequest) -> None:
    broker: LocalServer = request.getfixturevalue(name)
    broker.stop()
    assert not broker.answers()
    broker.start()
    assert broker.answers()

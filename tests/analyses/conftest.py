"""Fixtures of the tests of analyses: real servers, each started once for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.analyses.servers import LocalServer, NotInstalled, PostgreSQL, RabbitMQ, Redis


def _running(kind: type[LocalServer]) -> Iterator[LocalServer]:
    try:
        server = kind()
    except NotInstalled as missing:
        pytest.skip(f"needs the package {missing} of Debian")
    with server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[LocalServer]:
    pytest.importorskip("psycopg")
    yield from _running(PostgreSQL)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[LocalServer]:
    yield from _running(RabbitMQ)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[LocalServer]:
    yield from _running(Redis)

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from visop.http.open_files import connections_within


@pytest.fixture
def files() -> Iterator[int]:
    """As many files as this process may open while the test runs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_connections_take_a_quarter_of_the_files_and_the_log_says_so(
    files: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert connections_within(512) == files // 4
    assert [record.getMessage() for record in caplog.records] == [
        "HTTP holds at most 256 connections: this process may open 1024 files (ulimit -n)"
    ]


def test_fewer_connections_are_as_they_were_wanted(files: int, caplog: pytest.LogCaptureFixture) -> None:
    assert connections_within(files // 4) == 256
    assert not caplog.records

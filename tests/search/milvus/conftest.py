"""The tests of this folder are over a Milvus: Milvus Lite as a server, or a real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search.conftest import SERVER, milvus_database


@pytest.fixture
def uri(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty Milvus."""
    if not SERVER:
        yield request.getfixturevalue("lite_server")
        return
    with milvus_database() as address:
        yield address

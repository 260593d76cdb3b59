from __future__ import annotations

import pytest

from tests.http.conftest import both_protocols
from visop.errors import UsageError
from visop.settings import Settings, load_settings


@pytest.mark.parametrize("endpoint", ["8080", ":8080", "localhost", "localhost:", "localhost:x", "localhost:65536"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match=f"OP_HTTP_ENDPOINT={endpoint}: must be HOST:PORT"):
        Settings(http_endpoint=endpoint)


def test_http_is_off_by_default_and_hosts_are_a_list() -> None:
    assert Settings().http_endpoint == ""
    assert load_settings({"OP_HTTP_HOSTS": "a.example, b.example"}).settings.http_hosts == ("a.example", "b.example")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_every_spelling_of_an_address_is_bound(host: str) -> None:
    with both_protocols(http_endpoint=f"{host}:0") as (server, web):
        assert server.server.companion_addresses["http"].startswith(f"{host}:")
        assert web.get("/healthz").status_code == 200

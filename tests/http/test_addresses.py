from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.toys import ToyOperator
from visop.address import is_loopback, join, resolved
from visop.errors import SettingsError, UsageError
from visop.http.server import HttpServer
from visop.serving.admission import CallAdmission
from visop.serving.convert import identity_json, identity_of
from visop.serving.pipeline import Pipeline
from visop.settings import Settings, load_settings


@pytest.mark.parametrize("endpoint", ["8080", ":8080", "localhost", "localhost:", "localhost:x", "localhost:65536"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match=f"OP_HTTP_ENDPOINT={endpoint}: must be HOST:PORT"):
        Settings(http_endpoint=endpoint)


def test_http_is_off_by_default_and_hosts_are_a_list() -> None:
    assert Settings().http_endpoint == ""
    assert load_settings({"OP_HTTP_HOSTS": "a.example, b.example"}).settings.http_hosts == ("a.example", "b.example")


@contextmanager
def listening(host: str) -> Iterator[str]:
    """The port of a server that was told to listen there."""
    settings = Settings(http_endpoint=join(host, 0))
    operator = ToyOperator()
    identity = identity_json(identity_of(operator.info(), "", settings))
    with Pipeline(operator, settings) as pipeline:
        server = HttpServer(pipeline, CallAdmission(1), identity, settings)
        server.start()
        try:
            yield server.address.rpartition(":")[2]
        finally:
            server.stop()


# Those that are told apart by the same code are in the tests of visop.address.
@pytest.mark.parametrize("host", ["127.1", "LOCALHOST", "localhost.", "::1", "::ffff:127.0.0.1", platform.node()])
def test_every_spelling_of_the_loopback_is_bound_and_guarded(host: str) -> None:
    if not is_loopback(host):
        pytest.skip("the name of this machine means an address of the network")
    with listening(host) as port, httpx.Client() as web:
        url = f"http://{join(resolved(host)[0], int(port))}/healthz"
        hosts = f"{join(host, int(port))}", "localhost", "localhost.", "127.0.0.1", "evil.example"
        statuses = [web.get(url, headers={"Host": each}).status_code for each in hosts]
    assert statuses == [200, 200, 200, 200, 421]


def test_an_address_that_every_machine_reaches_answers_to_any_name() -> None:
    with listening("0") as port:  # 0.0.0.0
        answer = httpx.get(f"http://127.0.0.1:{port}/healthz", headers={"Host": "operator.example"})
    assert answer.status_code == 200


def test_a_host_that_is_none_of_this_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match="cannot listen there"), listening("host.invalid"):
        pass

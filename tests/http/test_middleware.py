from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.conftest import Running
from visop.http.middleware import hosts_of

Both = tuple[Running, httpx.Client]


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "192.0.2.7", "LOCALHOST"])
def test_localhost_and_addresses_are_answered(web: httpx.Client, host: str) -> None:
    assert web.get("/readyz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "a@localhost.x", "[", ""]
)
@pytest.mark.parametrize("path", ["/v1/identity", "/docs", "/healthz", "/nowhere"])
def test_on_a_loopback_address_other_names_are_not(web: httpx.Client, host: str, path: str) -> None:
    answer = web.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "PERMISSION_DENIED")


def test_configured_names_are_answered_and_no_others(start_both: Callable[..., Both]) -> None:
    _, web = start_both(http_hosts=("Operator.example",))
    assert web.get("/readyz", headers={"Host": "operator.example:8080"}).status_code == 200
    assert web.get("/readyz", headers={"Host": "other.example"}).status_code == 421


@pytest.mark.parametrize(
    ("bound", "configured", "expected"),
    [
        ("0.0.0.0", (), None),
        ("::", (), None),
        ("10.0.0.7", (), None),
        ("10.0.0.7", ("A.example.",), {"given", "a.example"}),
        ("127.0.0.1", (), {"given"}),
        ("127.0.0.2", (), {"given"}),
        ("::1", (), {"given"}),
        ("127.0.0.1", ("*",), None),
    ],
)
def test_the_names_follow_from_the_address(bound: str, configured: tuple[str, ...], expected: set[str] | None) -> None:
    assert hosts_of(bound, "Given", configured) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
    ],
    ids=str,
)
def test_a_page_of_another_site_can_make_the_server_do_nothing(web: httpx.Client, headers: dict[str, str]) -> None:
    answer = web.post("/v1/execute", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert web.get("/healthz", headers=headers).status_code == 200


def test_a_page_of_this_server_can(web: httpx.Client) -> None:
    origin = str(web.base_url).rstrip("/")
    assert web.post("/v1/execute", json={}, headers={"Origin": origin}).status_code == 200
    assert web.post("/v1/execute", json={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_no_other_site_may_read_an_answer(web: httpx.Client) -> None:
    answer = web.get("/v1/identity", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert web.options("/v1/execute", headers={"Origin": "https://evil.example"}).status_code == 405


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/docs", "/openapi.json"])
def test_every_answer_carries_the_security_headers(web: httpx.Client, path: str) -> None:
    headers = web.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/identity", "/docs", "/openapi.json", "/no/such"])
def test_head_answers_as_get_without_the_body(web: httpx.Client, path: str) -> None:
    asked, head = web.get(path), web.head(path)
    assert (head.status_code, head.content) == (asked.status_code, b"")
    unlike = {"x-request-id", "date"}
    assert {name: value for name, value in head.headers.items() if name not in unlike} == {
        name: value for name, value in asked.headers.items() if name not in unlike
    }


def test_head_where_there_is_no_get_is_refused(web: httpx.Client) -> None:
    answer = web.head("/v1/execute")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

from __future__ import annotations

import httpx
import pytest


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

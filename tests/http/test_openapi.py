from __future__ import annotations

import json
import re

import httpx
import pytest
from pydantic import TypeAdapter

from visop.http.problems import Problem


def document(web: httpx.Client) -> dict[str, object]:
    found: dict[str, object] = web.get("/openapi.json").json()
    return found


def test_the_page_needs_nothing_from_elsewhere(web: httpx.Client) -> None:
    page = web.get("/docs")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert not [link for link in links if "//" in link]
    for link in links:
        if not link.startswith("data:"):
            assert web.get(f"/{link}").status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_every_reference_leads_somewhere(web: httpx.Client) -> None:
    found = document(web)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(found))):
        place: object = found
        for step in reference.split("/"):
            assert isinstance(place, dict)
            place = place[step]


def test_every_path_says_what_it_answers_and_how_it_fails(web: httpx.Client) -> None:
    paths = document(web)["paths"]
    assert isinstance(paths, dict)
    assert set(paths) == {"/v1/execute", "/v1/identity", "/embed", "/healthz", "/readyz", "/metrics"}
    for operations in [each for path, each in paths.items() if path != "/metrics"]:  # which is text
        for operation in operations.values():
            assert operation["summary"]
            assert operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert "422" not in operation["responses"]
    assert set(paths["/v1/execute"]["post"]["requestBody"]["content"]) == {"application/json", "multipart/form-data"}


@pytest.mark.parametrize("path", ["/nowhere", "/v1/execute"])
def test_a_problem_is_as_documented(web: httpx.Client, path: str) -> None:
    answer = web.post(path, json={"datas": ["!"]})
    TypeAdapter(Problem).validate_json(answer.content, strict=True)


def test_a_method_that_is_not_allowed_is_told_which_is(web: httpx.Client) -> None:
    answer = web.get("/v1/execute")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

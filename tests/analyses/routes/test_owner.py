"""What one token makes, another one neither sees nor changes, unless it is an administrator's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.analyses.service import serving
from tests.conftest import make_image
from visop.access.scopes import Scope
from visop.access.tokens import new_token

Call = Callable[..., httpx.Response]

WHO = {"ann": (Scope.SEARCH, Scope.WRITE), "bob": (Scope.SEARCH, Scope.WRITE), "root": (Scope.ADMIN,)}


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    """Send a request as somebody."""
    made = {name: new_token(name, frozenset(scopes)) for name, scopes in WHO.items()}
    lines = ";".join(token.line() for _, token in made.values())
    with serving(tmp_path_factory.mktemp("owners"), tokens=lines) as served:

        def call(who: str, method: str, path: str, **more: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {made[who][0]}", **more.pop("headers", {})}
            return served.web.request(method, path, headers=headers, **more)

        yield call


@pytest.fixture(scope="module")
def path(call: Call) -> str:
    """Where a record of Ann's is."""
    made = call("ann", "POST", "/analyses", files={"image": ("a.png", make_image())})
    assert made.json()["owner"] == "ann"
    return made.headers["location"]


@pytest.mark.parametrize("more", ["", "/picture", "/thumbnail", "/events"])
def test_a_record_is_not_there_for_others(call: Call, path: str, more: str) -> None:
    assert call("bob", "GET", path + more).status_code == 404
    assert [call(who, "GET", path + more).status_code for who in ("ann", "root")] == [200, 200]


def test_a_record_is_changed_by_its_owner_and_by_administrators(call: Call, path: str) -> None:
    again = {"operators": ["colours"]}
    for method, more in (("PUT", {}), ("PATCH", {"json": again}), ("DELETE", {})):
        assert call("bob", method, path, **more).status_code == 404
    for who in ("ann", "root"):
        assert call(who, "PATCH", path, json=again).json()["owner"] == "ann"


def test_a_list_has_ones_own(call: Call, path: str) -> None:
    assert path
    assert {who: len(call(who, "GET", "/analyses").json()["analyses"]) for who in WHO} == {
        "ann": 1,
        "bob": 0,
        "root": 1,
    }


def test_a_job_is_seen_and_cancelled_by_its_owner(call: Call) -> None:
    made = call("ann", "POST", "/jobs", json={"source": {"kind": "upload"}})
    job, end = made.headers["location"], {"state": "cancelled"}
    assert call("bob", "PATCH", job, json=end).status_code == 404
    assert [call("bob", "GET", job + more).status_code for more in ("", "/results", "/events")] == [404] * 3
    assert call("bob", "GET", "/jobs").json()["jobs"] == []
    assert call("root", "GET", "/jobs").json()["jobs"][0]["owner"] == "ann"
    assert call("ann", "PATCH", job, json=end).json()["state"] == "cancelled"


def test_two_may_use_the_same_key(call: Call) -> None:
    more: dict[str, Any] = {"json": {"source": {"kind": "upload"}}, "headers": {"Idempotency-Key": "mine"}}
    first, again, other = (call(who, "POST", "/jobs", **more).json()["id"] for who in ("ann", "ann", "bob"))
    assert (first == again, first == other) == (True, False)

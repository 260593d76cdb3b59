"""The service over HTTP: records of pictures that operators analysed while the caller waited."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.conftest import running
from tests.toys import ToyOperator, ToyProcessor
from visop.analyses.opening import OperatorChoice
from visop.analyses.service import Service, ServiceOptions, http_of, open_service
from visop.settings import Settings

ENCODER, COLOURS, DEAD = "toy", "colours", "dead"


def picture(shade: int = 40, size: tuple[int, int] = (60, 40)) -> bytes:
    file = io.BytesIO()
    image = Image.new("RGB", size, (shade, 10, 10))
    image.paste((10, 200, 10), (5, 5, 20, 20))
    image.save(file, "PNG")
    return file.getvalue()


@contextmanager
def served(folder: Path, choices: list[OperatorChoice], **changes: Any) -> Iterator[tuple[httpx.Client, Service]]:
    settings = replace(Settings(), http_endpoint="127.0.0.1:0", **changes)
    options = ServiceOptions(str(folder / "analyses.db"), operators=choices, workers=0)
    with (
        open_service(options, settings) as service,
        http_of(service, settings) as address,
        httpx.Client(base_url=f"http://{address}", timeout=20) as client,
    ):
        yield client, service


@pytest.fixture(scope="module")
def operators() -> Iterator[list[OperatorChoice]]:
    with ExitStack() as stack:
        encoder = stack.enter_context(running(ToyOperator()))
        colours = stack.enter_context(running(ToyProcessor()))
        yield [
            OperatorChoice(ENCODER, encoder.address),
            OperatorChoice(COLOURS, colours.address),
            OperatorChoice(DEAD, "127.0.0.1:1"),
        ]


@pytest.fixture(scope="module")
def web(operators: list[OperatorChoice], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(tmp_path_factory.mktemp("service"), operators) as (client, _):
        yield client


def post(web: httpx.Client, data: bytes, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    files = {"image": ("cat.png", data)}
    return web.post("/analyses", files=files, data={"operators": ENCODER, **fields}, headers=headers)


def test_a_picture_becomes_a_record(web: httpx.Client) -> None:
    answer = post(web, picture())
    assert answer.status_code == 201, answer.text
    record = answer.json()
    assert answer.headers["Location"] == f"/analyses/{record['id']}"
    assert (record["state"], record["source"], record["operators"]) == ("done", "cat.png", [ENCODER])
    assert (record["picture"]["width"], record["picture"]["height"]) == (60, 40)
    [result] = record["results"]
    assert len(result["vector"]) == result["dimension"]
    assert web.get(f"/analyses/{record['id']}").json() == record
    assert web.get(record["picture"]["url"]).content == picture()


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_a_picture_may_come_as_data_in_json(web: httpx.Client, prefix: str) -> None:
    data = prefix + base64.b64encode(picture()).decode()
    record = web.post("/analyses", json={"data": data, "operators": [COLOURS]}).json()
    [result] = record["results"]
    assert {each["label"] for each in result["detections"]} != set()
    assert set(result["detections"][0]["box"]) == {"x", "y", "w", "h"}


def test_several_operators_answer_in_one_record_and_one_that_is_dead_fails_none(web: httpx.Client) -> None:
    record = post(web, picture(), operators=f"{ENCODER},{DEAD},{COLOURS}").json()
    assert [each["state"] for each in record["results"]] == ["done", "failed", "done"]
    assert (record["state"], record["results"][1]["error"]["code"]) == ("done", "UNAVAILABLE")


def test_without_names_all_operators_are_asked(web: httpx.Client) -> None:
    record = web.post("/analyses", files={"image": picture()}).json()
    assert record["operators"] == [ENCODER, COLOURS, DEAD]


@pytest.mark.parametrize("data", [b"not a picture", picture()[:-40]], ids=["no picture", "half a picture"])
def test_what_is_no_picture_is_a_record_that_failed_and_is_not_kept(web: httpx.Client, data: bytes) -> None:
    answer = post(web, data)
    record = answer.json()
    assert (answer.status_code, record["state"], record["picture"]) == (201, "failed", None)
    assert (record["error"]["code"], record["results"]) == ("INVALID_ARGUMENT", [])


def test_a_dead_operator_is_a_record_that_failed_with_its_picture(web: httpx.Client) -> None:
    record = post(web, picture(), operators=DEAD).json()
    assert (record["state"], record["error"]["code"]) == ("failed", "UNAVAILABLE")
    assert web.get(record["picture"]["url"]).content == picture()


def test_a_url_that_may_not_be_fetched_is_a_record_that_failed(web: httpx.Client) -> None:
    record = web.post("/analyses", json={"url": "http://127.0.0.1:1/x.png", "operators": [ENCODER]}).json()
    assert (record["state"], record["error"]["code"]) == ("failed", "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "image"),
        ({"url": "ftp://x/y"}, None),
        ({"data": "?"}, None),
        ({"url": "http://x/y", "data": "AAAA"}, None),
        ({"data": "AAAA", "operators": ["nobody"]}, "operators"),
        ({"data": "AAAA", "more": 1}, "more"),
        ({"data": "AAAA", "webhook": "file:///x"}, None),
    ],
    ids=["nothing", "scheme", "base64", "two", "operator", "field", "webhook"],
)
def test_a_wrong_request_makes_no_record(web: httpx.Client, body: dict[str, Any], field: str | None) -> None:
    before = web.get("/analyses?limit=1").json()
    answer = web.post("/analyses", json=body)
    assert (answer.status_code, answer.json().get("field")) == (400, field), answer.text
    assert web.get("/analyses?limit=1").json() == before


def test_the_same_key_is_the_same_record_and_another_picture_is_a_conflict(web: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first, again = post(web, picture(), headers), post(web, picture(), headers)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert post(web, picture(99), headers).status_code == 409


def test_the_key_of_what_was_no_picture_is_not_that_of_a_picture(web: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-none"}
    made = post(web, b"no picture", headers).json()
    assert post(web, b"no picture", headers).json()["id"] == made["id"]
    assert post(web, picture(), headers).status_code == 409


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_utc_does_not_have_is_refused_by_name(web: httpx.Client, when: str) -> None:
    answer = web.get("/analyses", params={"created_after": when})
    assert (answer.status_code, answer.json()["field"]) == (400, "created_after")


def test_analysing_again_replaces_the_results(web: httpx.Client) -> None:
    made = post(web, picture()).json()
    path = f"/analyses/{made['id']}"
    other = web.put(path, files={"image": picture(90)}, data={"operators": COLOURS}).json()
    assert (other["id"], other["operators"], len(other["results"])) == (made["id"], [COLOURS], 1)
    assert other["picture"]["digest"] != made["picture"]["digest"]
    same = web.put(path).json()
    assert (same["operators"], same["picture"]["digest"]) == ([COLOURS], other["picture"]["digest"])
    changed = web.patch(path, json={"operators": [ENCODER]}).json()
    assert [each["operator"] for each in changed["results"]] == [ENCODER]


def test_who_does_not_wait_gets_a_record_that_is_queued_and_can_cancel_it(web: httpx.Client) -> None:
    answer = post(web, picture(), {"Prefer": "respond-async"})
    record = answer.json()
    assert (answer.status_code, record["state"]) == (202, "queued")
    assert answer.headers["Location"] == f"/analyses/{record['id']}"
    path = f"/analyses/{record['id']}"
    assert web.patch(path, json={"state": "cancelled"}).json()["state"] == "cancelled"
    assert web.patch(path, json={"state": "queued"}).json()["state"] == "queued"


def test_what_is_done_cannot_be_cancelled(web: httpx.Client) -> None:
    made = post(web, picture()).json()
    answer = web.patch(f"/analyses/{made['id']}", json={"state": "cancelled"})
    assert (answer.status_code, answer.json()["code"]) == (409, "INVALID_ARGUMENT")


def test_a_deleted_record_is_gone_with_its_picture(web: httpx.Client) -> None:
    made = post(web, picture(123)).json()
    path = f"/analyses/{made['id']}"
    assert web.delete(path).status_code == 204
    assert [web.get(each).status_code for each in (path, f"{path}/picture")] == [404, 404]
    assert web.delete(path).status_code == 404


def test_lists_have_filters_and_pages_and_no_vectors(web: httpx.Client) -> None:
    ids = [post(web, picture(shade), operators=COLOURS).json()["id"] for shade in range(3)]
    page = web.get("/analyses", params={"operator": COLOURS, "state": "done", "limit": 2}).json()
    assert [each["id"] for each in page["analyses"]] == ids[:0:-1]
    assert web.get(page["next"]).json()["analyses"][0]["id"] == ids[0]
    label = page["analyses"][0]["results"][0]["detections"][0]["label"]
    assert web.get("/analyses", params={"label": label}).json()["analyses"]
    assert web.get("/analyses", params={"label": "no such"}).json() == {"analyses": [], "next": None}
    [encoded] = web.get("/analyses", params={"operator": ENCODER, "limit": 1}).json()["analyses"]
    assert "vector" not in encoded["results"][0]
    assert web.get("/analyses", params={"state": "nonsense"}).status_code == 400


def test_times_bound_a_list(web: httpx.Client) -> None:
    made = post(web, picture()).json()
    after, before = ({name: made["created"], "limit": 1} for name in ("created_after", "created_before"))
    assert web.get("/analyses", params=after).json()["analyses"][0]["id"] == made["id"]
    assert all(each["id"] != made["id"] for each in web.get("/analyses", params=before).json()["analyses"])


def test_a_picture_is_shown_small_and_with_its_boxes(web: httpx.Client) -> None:
    made = post(web, picture(size=(800, 400)), operators=COLOURS).json()
    path = f"/analyses/{made['id']}"
    small = web.get(f"{path}/thumbnail")
    assert Image.open(io.BytesIO(small.content)).size == (320, 160)
    drawn = web.get(f"{path}/overlay")
    assert Image.open(io.BytesIO(drawn.content)).size == (800, 400)
    assert web.get(f"{path}/overlay", headers={"If-None-Match": drawn.headers["ETag"]}).status_code == 304
    assert web.get(f"{path}/overlay", params={"operator": "nobody"}).status_code == 404


def test_the_operators_are_told_with_who_does_not_answer(web: httpx.Client) -> None:
    told = {each["name"]: each for each in web.get("/operators").json()["operators"]}
    assert [(name, each["ready"]) for name, each in told.items()] == [(ENCODER, True), (COLOURS, True), (DEAD, False)]
    assert (told[COLOURS]["type"], "error" in told[DEAD]) == ("processor", True)


def test_a_service_with_an_operator_in_its_own_process(tmp_path: Path) -> None:
    choices = [OperatorChoice("own", path="tests.toys:ToyOperator")]
    with served(tmp_path, choices) as (web, _):
        record = web.post("/analyses", files={"image": picture()}).json()
        assert (record["state"], record["operators"]) == ("done", ["own"])


def test_records_survive_a_restart(operators: list[OperatorChoice], tmp_path: Path) -> None:
    with served(tmp_path, operators) as (web, _):
        made = post(web, picture()).json()
    with served(tmp_path, operators) as (web, _):
        assert web.get(f"/analyses/{made['id']}").json() == made


def test_metrics_say_what_waits(web: httpx.Client) -> None:
    depth, lines = web.get("/queue").json(), web.get("/metrics").text.splitlines()
    assert f"visop_analyses_queued {float(depth['queued'])}" in lines
    assert any(line.startswith("visop_analyses_oldest_seconds ") for line in lines)

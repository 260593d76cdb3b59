"""A client of the analysis module goes through all of its interface, by nothing but the contract of the original."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import requests

from tests.analyses.routes.originals.conftest import Served
from tests.conftest import make_image, make_scene
from tests.toys import RAISES
from visop.analyses.analyse import Answer
from visop.analyses.columns import now
from visop.analyses.listing import Filters, count, newest
from visop.analyses.operators import OperatorResult
from visop.analyses.records import Ended, NewAnalysis
from visop.analyses.states import State
from visop.analyses.stored import outcome_of

ONE = make_scene({(200, 0, 0): (10, 5, 20, 10)})
TWO = make_scene({(0, 200, 0): (1, 2, 3, 4), (0, 0, 250): (40, 20, 5, 8)})
FAILS = make_image(RAISES)
NOT_FOUND = {"detail": "Not found."}


def boxes(record: dict[str, Any]) -> list[tuple[float, ...]]:
    return sorted(tuple(entry["position"][side] for side in "xywh") for entry in record["result"])


@pytest.mark.parametrize("root", ["/", "/analyzer/"])
def test_the_whole_cycle(module: Served, root: str) -> None:
    base = module.url + root
    # Upload and analyse.
    answer = requests.post(base, files={"image": ("party.png", ONE, "image/png")}, timeout=20)
    assert answer.status_code == 201
    record = answer.json()
    assert set(record) == {"image", "token", "uploaded_date", "updated_date", "result"}
    assert isinstance(record["token"], int)
    for date in ("uploaded_date", "updated_date"):
        parsed = dt.datetime.strptime(record[date], "%Y-%m-%dT%H:%M:%S.%f%z")
        assert abs(dt.datetime.now(dt.UTC) - parsed) < dt.timedelta(minutes=5)
    [entry] = record["result"]
    assert entry["position"] == {"x": 10.0, "y": 5.0, "w": 20.0, "h": 10.0}
    [label] = entry["label"]
    assert label["description"] == "200-0-0"
    assert 0 < label["score"] <= 1
    # Its picture.
    picture = requests.get(record["image"], timeout=20)
    assert (picture.status_code, picture.headers["content-type"], picture.content) == (200, "image/png", ONE)
    # Read it, and find it in the list, the newest first.
    one = f"{base}{record['token']}/"
    assert requests.get(one, timeout=20).json() == record
    listed = requests.get(base, timeout=20).json()
    assert set(listed) == {"count", "next", "previous", "results"}
    assert listed["results"][0] == record
    only = requests.get(base, params={"token": record["token"]}, timeout=20).json()
    assert (only["count"], only["next"], only["previous"], only["results"]) == (1, None, None, [record])
    # Another picture in its place: the results are those of that one alone.
    answer = requests.put(one, files={"image": ("two.png", TWO)}, timeout=20)
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["token"], changed["uploaded_date"]) == (record["token"], record["uploaded_date"])
    assert changed["updated_date"] > record["updated_date"]
    assert boxes(changed) == [(1.0, 2.0, 3.0, 4.0), (40.0, 20.0, 5.0, 8.0)]
    assert requests.get(changed["image"], timeout=20).content == TWO
    assert requests.get(record["image"], timeout=20).status_code == 404
    # Again: results replace those before, and are never appended.
    for _ in range(2):
        again = requests.patch(one, timeout=20)
        assert (again.status_code, boxes(again.json())) == (200, boxes(changed))
    assert boxes(requests.patch(one, files={"image": ("one.png", ONE)}, timeout=20).json()) == boxes(record)
    # Delete it, with its picture.
    latest = requests.get(one, timeout=20).json()["image"]
    answer = requests.delete(one, timeout=20)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        files = {"image": ("one.png", ONE)} if method == "PUT" else None
        gone = requests.request(method, one, files=files, timeout=20)
        assert (gone.status_code, gone.json()) == (404, NOT_FOUND)
    assert requests.get(latest, timeout=20).status_code == 404


def test_nothing_found_is_a_record_without_results(module: Served) -> None:
    assert module.post("/", make_scene({})).json()["result"] == []


def test_a_module_that_fails_is_an_error_and_a_failed_record_and_never_an_empty_success(module: Served) -> None:
    failed = Filters(state=State.FAILED)
    database = module.service.context.database
    before, listed = count(database, failed), module.get("/").json()["count"]
    answer = module.post("/", FAILS)
    assert (answer.status_code, answer.json()) == (400, ["the model failed on this input"])
    assert count(database, failed) == before + 1
    [record] = newest(database, failed, 1)
    assert (record.error, record.source) == ("the model failed on this input", "x.png")
    assert module.get("/").json()["count"] == listed
    assert (module.get(f"/{record.id}/").status_code, module.get(f"/{record.id}/").json()) == (404, NOT_FOUND)
    mended = requests.put(f"{module.url}/{record.id}/", files={"image": ONE}, timeout=20)
    assert (mended.status_code, len(mended.json()["result"])) == (200, 1)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"files": {"other": ("a.png", ONE)}}, "No file was submitted."),
        ({}, "No file was submitted."),
        ({"json": {"image": "http://host/a.png"}}, "No file was submitted."),
        ({"files": {"image": ("a.png", b"")}}, "The submitted file is empty."),
        (
            {"files": {"image": (None, "text")}},
            "The submitted data was not a file. Check the encoding type on the form.",
        ),
        (
            {"files": {"image": ("a.png", b"GIF89a")}},
            "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        ),
        (
            {"files": {"image": ("a.png", ONE[:-30])}},
            "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        ),
    ],
    ids=["another name", "no body", "json", "empty", "text", "no image", "cut off"],
)
def test_what_is_wrong_with_an_upload_is_said_in_the_words_of_the_original(
    module: Served, sent: dict[str, Any], text: str
) -> None:
    before = count(module.service.context.database, Filters())
    answer = requests.post(f"{module.url}/", timeout=20, **sent)
    assert (answer.status_code, answer.json()["image"][0]) == (400, text)
    assert count(module.service.context.database, Filters()) == before


def test_a_put_of_something_else_changes_nothing(module: Served) -> None:
    record = module.post("/", ONE).json()
    one = f"{module.url}/{record['token']}/"
    for files in (None, {"image": ("a.png", b"no picture")}):
        assert requests.put(one, files=files, timeout=20).status_code == 400
    assert requests.get(one, timeout=20).json() == record


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\x.png", "a b;c'd%00.png", "Bild \N{LATIN SMALL LETTER A WITH DIAERESIS}.jpg", "x" * 3000],
    ids=["up", "backslash", "signs", "umlaut", "long"],
)
def test_no_name_of_a_file_has_a_part_in_where_it_is_kept(module: Served, name: str) -> None:
    record = module.post("/", ONE, name).json()
    assert record["image"].rpartition("/")[2].startswith(f"{record['token']}_")
    assert requests.get(record["image"], timeout=20).content == ONE


@pytest.mark.parametrize(
    "path", ["/0/", "/999999/", f"/{'9' * 40}/", "/media/20180903/1_00.png", "/media/20180903/x", "/media/1/..%5c1"]
)
def test_what_is_not_there_is_not_found(module: Served, path: str) -> None:
    answer = module.get(path)
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_lists_have_pages_of_fifty(module: Served) -> None:
    records, picture = module.service.records, module.service.context.pictures.keep(ONE)
    answers = [Answer("colours", "", OperatorResult(detections=()), 0.0)]
    there = module.get("/").json()["count"]
    for _ in range(101 - there):
        records.create(NewAnalysis(["colours"], kept=picture), Ended(outcome_of(answers), answers, now()))
    first = module.get("/").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (101, 50, None)
    second = requests.get(first["next"], timeout=20).json()
    third = requests.get(second["next"], timeout=20).json()
    assert (len(second["results"]), len(third["results"]), third["next"]) == (50, 1, None)
    tokens = [record["token"] for page in (first, second, third) for record in page["results"]]
    assert tokens == sorted(set(tokens), reverse=True)
    assert requests.get(second["previous"], timeout=20).json() == first
    assert module.get("/?page=4").json() == {"detail": "Invalid page."}
    assert module.get("/?page=4").status_code == 404
    assert module.get("/analyzer/?page=last&format=json").json()["results"] == third["results"]

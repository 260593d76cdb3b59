from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_image, picture_file, unit
from tests.search.conftest import colour_of
from tests.web.conftest import Site
from visop.search.store import open_store
from visop.web.indexes.registry import Indexes
from visop.web.service import SearchService


def as_data(file: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(file).decode()}


def add(site: Site, name: str, *files: bytes, **more: Any) -> dict[str, Any]:
    """Add pictures as JSON; the reply."""
    answer = site.web.post(f"/v1/indexes/{name}/pictures", json={"pictures": [as_data(each) for each in files], **more})
    found: dict[str, Any] = answer.json()
    assert answer.status_code == 200, found
    return found


def make(site: Site, name: str) -> str:
    assert site.web.post("/v1/indexes", json={"name": name}).status_code == 201
    return name


def id_of(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


def test_the_list_says_what_the_server_was_started_for(site: Site) -> None:
    index = next(each for each in site.web.get("/v1/indexes").json()["indexes"] if each["name"] == "test")
    assert index == site.web.get("/v1/indexes/test").json()
    assert (index["name"], index["is_default"], index["searchable"], index["count"]) == ("test", True, True, 10)
    assert index["encoder"] == {"name": "toy", "fingerprint": "toy-1", "dimension": 3, "metric": "L2"}


def test_an_index_is_made_filled_searched_and_deleted(site: Site) -> None:
    answer = site.web.post("/v1/indexes", json={"name": "art"})
    assert (answer.status_code, answer.json()["count"], answer.json()["is_default"]) == (201, 0, False)
    red = picture_file((250, 1, 1))
    assert [each["status"] for each in add(site, "art", red)["results"]] == ["added"]
    found = site.web.post("/v1/indexes/art/search", files={"image": red}).json()["matches"]
    assert [each["id"] for each in found] == [id_of(red)]
    assert id_of(red) not in site.ids().values()
    assert site.web.get(f"/v1/indexes/art/pictures/{id_of(red)}/file").content == red
    assert site.web.get("/v1/indexes/art/status").json()["name"] == "art"
    (uploaded,) = (site.folder.parent / "uploads" / "art").iterdir()
    assert site.web.delete("/v1/indexes/art").json() == {"name": "art", "count": 1}
    assert not uploaded.exists()
    assert site.web.get("/v1/indexes/art").status_code == 404
    assert site.web.post("/v1/indexes/art/search", json={"id": id_of(red)}).status_code == 404
    assert "art" not in [each["name"] for each in site.web.get("/v1/indexes").json()["indexes"]]


def test_a_vector_is_searched_with(site: Site) -> None:
    id_ = site.ids()["1.png"]
    vector = [3.0 * each for each in unit(colour_of(1))]
    for path in ("/v1/search", "/v1/indexes/test/search"):
        found = site.web.post(path, json={"vector": vector, "k": 2}).json()
        assert (found["matches"][0]["id"], found["marked"], len(found["matches"])) == (id_, None, 2)


@pytest.mark.parametrize("vector", [[1, 2], [0, 0, 0], [1e39, 1, 1], [], ["x", 1, 2]], ids=len)
def test_what_is_no_vector_of_the_encoder_is_refused(site: Site, vector: list[Any]) -> None:
    answer = site.search(vector=vector)
    assert (answer.status_code, answer.json()["field"].partition("[")[0]) == (400, "vector")


def test_the_default_index_is_searched_by_its_name_as_without_it(site: Site) -> None:
    id_ = next(iter(site.ids().values()))
    named = site.web.post("/v1/indexes/test/search", json={"id": id_, "k": 3}).json()
    assert named == site.search(id=id_, k=3).json()


def test_an_index_that_is_there_is_not_made_again(site: Site) -> None:
    answer = site.web.post("/v1/indexes", json={"name": "test"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "there is an index test already")


def test_the_parts_of_an_index_are_those_that_the_server_makes(site: Site) -> None:
    assert site.web.post("/v1/indexes", json={"name": "plain", "parts": "none"}).json()["parts"] == "none"
    answer = site.web.post("/v1/indexes", json={"name": "parts", "parts": "regions:10"})
    assert (answer.status_code, answer.json()["field"]) == (400, "parts")
    assert site.web.get("/v1/indexes/parts").status_code == 404


def test_an_index_of_other_parts_is_searched_and_gets_no_pictures(site: Site) -> None:
    with open_store(str(site.folder.parent / "test.db")) as store:
        info = replace(site.operator.info(), parts="regions:10+whole")
        store.create("regions", 1, info)
        store.point("regions", 1)
    assert site.web.get("/v1/indexes/regions").json()["parts"] == "regions:10"
    file = picture_file(colour_of(1))
    assert site.web.post("/v1/indexes/regions/search", json=as_data(file)).json()["matches"] == []
    answer = site.web.post("/v1/indexes/regions/pictures", json={"pictures": [as_data(file)]})
    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert "regions:10" in answer.json()["detail"]
    site.web.delete("/v1/indexes/regions")


def test_the_index_that_the_server_was_started_for_stays(site: Site) -> None:
    answer = site.web.delete("/v1/indexes/test")
    assert answer.status_code == 403
    assert "started for the index test" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["two__parts", "1st", "ü", "a b", "x" * 201, "a/b"])
def test_a_name_that_is_none_is_refused(site: Site, name: str) -> None:
    answer = site.web.post("/v1/indexes", json={"name": name})
    assert (answer.status_code, answer.json()["field"]) == (400, "name")
    assert answer.json()["detail"].startswith("name: must be letters, digits and single underscores, at most 200")


def test_a_name_in_a_path_that_is_none_is_refused_in_words(site: Site) -> None:
    answer = site.web.get("/v1/indexes/a.*")
    assert (answer.status_code, answer.json()["field"]) == (400, "name")
    assert answer.json()["detail"].startswith("name: must be letters, digits and single underscores, at most 200")


@pytest.mark.parametrize(
    "path", ["", "/status", "/pictures", "/pictures/" + "0" * 64, f"/pictures/{'0' * 64}/file"], ids=len
)
def test_an_index_that_is_not_there_is_not_found(site: Site, path: str) -> None:
    answer = site.web.get(f"/v1/indexes/nowhere{path}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no index nowhere")


def test_an_index_that_is_deleted_while_all_are_listed_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    make(site, "fleeting")
    monkeypatch.setattr(Indexes, "service", deleting("fleeting", site, first=True))
    assert "fleeting" not in [each["name"] for each in site.web.get("/v1/indexes").json()["indexes"]]


def test_an_index_that_is_deleted_while_it_is_searched_is_not_found(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(site, "fleeting")
    monkeypatch.setattr(Indexes, "service", deleting("fleeting", site, first=False))
    answer = site.web.post("/v1/indexes/fleeting/search", json=as_data(picture_file((1, 2, 3))))
    assert answer.status_code == 404
    assert str(site.folder.parent) not in answer.text


def deleting(name: str, site: Site, *, first: bool) -> Callable[..., SearchService]:
    """``Indexes.service``, before or behind which another process deletes an index."""
    serve = Indexes.service

    def service(self: Indexes, wanted: str) -> SearchService:
        found = None if first else serve(self, wanted)
        if wanted == name:
            with open_store(str(site.folder.parent / "test.db")) as store:
                store.delete(name)
        return found or serve(self, wanted)

    return service


def test_no_more_indexes_are_made_than_the_most(start_site: Callable[..., Site]) -> None:
    site = start_site(1, options={"most_indexes": 2})
    assert site.web.post("/v1/indexes", json={"name": "one"}).status_code == 201
    answer = site.web.post("/v1/indexes", json={"name": "two"})
    assert (answer.status_code, "2 indexes" in answer.json()["detail"]) == (409, True)
    assert site.web.delete("/v1/indexes/one").status_code == 200
    assert site.web.post("/v1/indexes", json={"name": "two"}).status_code == 201


def test_an_index_of_another_encoder_is_listed_with_why_it_cannot_be_searched(site: Site) -> None:
    home = site.folder.parent
    with open_store(str(home / "test.db")) as store:
        store.create("other", 1, replace(site.operator.info(), fingerprint="toy-2"))
        store.point("other", 1)
        facts = {each["name"]: each for each in site.web.get("/v1/indexes").json()["indexes"]}
        answer = site.web.get("/v1/indexes/other/pictures")
        store.delete("other")
    assert (facts["other"]["searchable"], facts["test"]["searchable"]) == (False, True)
    assert "another encoder" in facts["other"]["why_not"]
    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert str(home) not in answer.text


def test_each_picture_has_a_result_or_a_problem(site: Site) -> None:
    name = make(site, "mixed")
    good = picture_file((9, 200, 30))
    reply = add(site, name, good, b"no picture", good)
    assert [each["status"] for each in reply["results"]] == ["added", "failed", "known"]
    problem = reply["results"][1]["problem"]
    assert (problem["status"], problem["code"]) == (400, "INVALID_ARGUMENT")
    assert reply["added"] == 1


def test_files_of_a_form_are_added(site: Site) -> None:
    name = make(site, "form")
    files = [("images", ("x.png", picture_file((number, 90, 1)))) for number in range(3)]
    reply = site.web.post(f"/v1/indexes/{name}/pictures", files=files).json()
    assert (reply["added"], [each["status"] for each in reply["results"]]) == (3, ["added"] * 3)


def test_a_copy_is_told_and_not_kept(site: Site) -> None:
    name = make(site, "unique")
    first, edited, other = picture_file(colour_of(1)), picture_file(colour_of(1), (32, 24)), picture_file((1, 2, 250))
    reply = add(site, name, first, edited, other, unless_copy=True)
    assert [each["status"] for each in reply["results"]] == ["added", "copy", "added"]
    assert (reply["results"][1]["copy_of"]["id"], reply["results"][1]["picture"]) == (id_of(first), None)
    assert site.web.get(f"/v1/indexes/{name}").json()["count"] == 2


def test_of_equal_pictures_that_come_at_once_one_is_kept(site: Site) -> None:
    name = make(site, "at_once")
    files = [picture_file(colour_of(3), (16, 12 + number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda file: add(site, name, file, unless_copy=True), files))
    assert sorted(each["results"][0]["status"] for each in replies) == ["added", *["copy"] * 7]
    assert site.web.get(f"/v1/indexes/{name}").json()["count"] == 1


def test_pages_hold_every_picture_once(site: Site) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "4", "filter": "width > 0"} | ({"cursor": cursor} if cursor else {})
        page = site.web.get("/v1/indexes/test/pictures", params=query).json()
        seen += [each["id"] for each in page["pictures"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(site.ids().values())
    assert site.web.get("/v1/indexes/test/pictures?filter=width<0").json() == {"pictures": [], "next": None}


def test_a_picture_is_removed_and_put_back(site: Site) -> None:
    name = make(site, "removal")
    file = picture_file((44, 55, 66))
    add(site, name, file)
    path = f"/v1/indexes/{name}/pictures/{id_of(file)}"
    assert site.web.get(path).json()["width"] == 16
    assert site.web.delete(path).json()["removed"] == 1
    assert site.web.get(path).status_code == 404


def test_a_picture_behind_an_address_keeps_its_address(site: Site, picture_server: str) -> None:
    name, url = make(site, "web"), f"{picture_server}/77-8-9.png"
    body = {"pictures": [{"url": url}, {"url": url}, {"url": "http://127.0.0.1:1/x.png"}]}
    reply = site.web.post(f"/v1/indexes/{name}/pictures", json=body).json()
    assert [each["status"] for each in reply["results"]] == ["added", "known", "failed"]
    assert reply["results"][0]["picture"]["names"] == [url]
    id_ = reply["results"][0]["picture"]["id"]
    assert id_of(site.web.get(f"/v1/indexes/{name}/pictures/{id_}/file").content) == id_


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pictures": []}, "pictures"),
        ({"pictures": [{}]}, "pictures[0]"),
        ({"pictures": [{"url": "http://a", "data": "x"}]}, "pictures[0]"),
        ({"pictures": [{"file": "x"}]}, "pictures[0].file"),
        ({}, "pictures"),
    ],
    ids=["none", "empty", "both", "unknown", "missing"],
)
def test_a_wrong_request_names_its_field(site: Site, body: dict[str, Any], field: str) -> None:
    answer = site.web.post("/v1/indexes/test/pictures", json=body)
    assert (answer.status_code, answer.json().get("field")) == (400, field)


def test_where_uploads_are_off_nothing_is_written(start_site: Callable[..., Site]) -> None:
    site = start_site(1, options={"uploads": None})
    id_ = next(iter(site.ids().values()))
    calls = [
        site.web.post("/v1/indexes", json={"name": "art"}),
        site.web.delete("/v1/indexes/test"),
        site.web.post("/v1/indexes/test/pictures", json={"pictures": [as_data(make_image())]}),
        site.web.delete(f"/v1/indexes/test/pictures/{id_}"),
        site.web.post("/v1/indexes/test/remove", json={"ids": [id_]}),
    ]
    assert [each.status_code for each in calls] == [403] * 5
    assert site.web.get("/v1/indexes/test").json()["count"] == 1


def test_a_page_of_another_site_writes_nothing(site: Site) -> None:
    headers = {"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}
    assert site.web.post("/v1/indexes", json={"name": "evil"}, headers=headers).status_code == 403
    assert site.web.delete("/v1/indexes/test", headers=headers).status_code == 403


@pytest.fixture(scope="module")
def shop(site: Site) -> Site:
    """The site with an index ``shop`` of three pictures that have attributes."""
    types = {"title": "string", "price": "number", "sold": "boolean", "made": "time"}
    assert site.web.post("/v1/indexes", json={"name": "shop", "attributes": types}).status_code == 201
    attributes = [{"title": "Red, äöü", "price": 1.5, "sold": True, "made": 1_700_000_000}, {"price": 20}, {}]
    pictures = [
        as_data(picture_file(colour_of(20 + number))) | {"attributes": each} for number, each in enumerate(attributes)
    ]
    reply = site.web.post("/v1/indexes/shop/pictures", json={"pictures": pictures}).json()
    assert [each["picture"]["attributes"] for each in reply["results"]] == attributes
    return site


def test_attributes_are_told_of_an_index_and_its_pictures(shop: Site) -> None:
    declared = {"title": "string", "price": "number", "sold": "boolean", "made": "time"}
    assert shop.web.get("/v1/indexes/shop").json()["attributes"] == declared
    file = picture_file(colour_of(20))
    found = shop.web.post("/v1/indexes/shop/search", json=as_data(file)).json()["matches"][0]
    assert found["attributes"] == {"title": "Red, äöü", "price": 1.5, "sold": True, "made": 1_700_000_000}


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("price < 2", 1),
        ("price > 1 and price < 30", 2),
        ('title == "Red, äöü"', 1),
        ("sold == true", 1),
        ("made >= 1700000000", 1),
        ("width > 0", 3),
        ('title like "Red%"', 1),
    ],
)
def test_a_filter_uses_attributes(shop: Site, condition: str, count: int) -> None:
    body = as_data(picture_file(colour_of(20))) | {"filter": condition}
    assert len(shop.web.post("/v1/indexes/shop/search", json=body).json()["matches"]) == count
    page = shop.web.get("/v1/indexes/shop/pictures", params={"filter": condition}).json()
    assert len(page["pictures"]) == count


def test_attributes_of_a_picture_are_changed_and_taken_away(shop: Site) -> None:
    path = f"/v1/indexes/shop/pictures/{id_of(picture_file(colour_of(22)))}"
    assert shop.web.patch(path, json={"attributes": {"title": "x", "price": 3}}).json()["attributes"] == {
        "title": "x",
        "price": 3,
    }
    changed = shop.web.patch(path, json={"attributes": {"title": None, "price": None}}).json()
    assert changed["attributes"] == {}
    assert shop.web.get(path).json()["attributes"] == {}


@pytest.mark.parametrize(
    "attributes",
    [{"price": "dear"}, {"sold": 1}, {"made": 1.5}, {"title": 3}, {"colour": "red"}, {"title": "x" * 600}, {"": 1}],
    ids=["text", "number", "fraction", "no-text", "unknown", "long", "empty"],
)
def test_a_wrong_attribute_changes_nothing(shop: Site, attributes: dict[str, Any]) -> None:
    path = f"/v1/indexes/shop/pictures/{id_of(picture_file(colour_of(21)))}"
    answer = shop.web.patch(path, json={"attributes": attributes})
    assert (answer.status_code, answer.json()["field"]) == (400, "attributes")
    assert shop.web.get(path).json()["attributes"] == {"price": 20}
    body = {"pictures": [as_data(picture_file((1, 99, 99))) | {"attributes": attributes}]}
    assert shop.web.post("/v1/indexes/shop/pictures", json=body).json()["results"][0]["status"] == "failed"


@pytest.mark.parametrize("value", ["NaN", "1e400", "[1]", "{}"])
def test_what_no_attribute_can_be_is_told_of_its_field(shop: Site, value: str) -> None:
    path = f"/v1/indexes/shop/pictures/{id_of(picture_file(colour_of(21)))}"
    body = f'{{"attributes": {{"price": {value}}}}}'
    answer = shop.web.patch(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (400, "attributes.price")
    assert "a string, a finite number, true or false" in answer.json()["detail"]


def test_an_attribute_that_the_index_has_not_cannot_be_taken_away(shop: Site) -> None:
    path = f"/v1/indexes/shop/pictures/{id_of(picture_file(colour_of(21)))}"
    answer = shop.web.patch(path, json={"attributes": {"prize": None}})
    assert (answer.status_code, "prize" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize(("field", "value", "least"), [("vector", [], 1), ("box", [1, 2, 3], 4)])
def test_a_list_that_is_too_short_is_told_the_least(site: Site, field: str, value: list[float], least: int) -> None:
    answer = site.web.post("/v1/indexes/test/search", json={"id": "0" * 64, field: value})
    assert answer.json()["detail"] == f"{field}: must have at least {least} elements"


def test_attributes_of_a_form_are_for_all_or_for_each(shop: Site) -> None:
    files = [("images", ("x.png", picture_file(colour_of(20 + number)))) for number in range(2)]
    for attributes, count in [(['{"sold": true}'], 2), (['{"sold": true}', '{"sold": false}'], 1)]:
        answer = shop.web.post("/v1/indexes/shop/pictures", files=files, data={"attributes": attributes})
        assert [each["status"] for each in answer.json()["results"]] == ["known", "known"]
        page = shop.web.get("/v1/indexes/shop/pictures?filter=sold == true").json()
        assert len(page["pictures"]) == count
    answer = shop.web.post("/v1/indexes/shop/pictures", files=files, data={"attributes": ["{}"] * 3})
    assert (answer.status_code, answer.json()["field"]) == (400, "attributes")


@pytest.mark.parametrize("attributes", [{"id": "string"}, {"a b": "string"}, {"x": "text"}, {"and": "number"}], ids=min)
def test_attributes_that_no_index_can_have_are_refused(site: Site, attributes: dict[str, str]) -> None:
    answer = site.web.post("/v1/indexes", json={"name": "wrong", "attributes": attributes})
    assert (answer.status_code, answer.json()["field"].split(".")[0]) == (400, "attributes")
    assert site.web.get("/v1/indexes/wrong").status_code == 404


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_calls_of_the_guide_work_as_written(site: Site, tmp_path: Path, picture_server: str) -> None:
    guide = (Path(__file__).parents[2] / "docs/how-to/indexes.md").read_text()
    script = "\n".join(line.removeprefix("$ ") for line in re.findall(r"^\$ (?:curl|id=).*$", guide, re.MULTILINE))
    script = script.replace("http://127.0.0.1:8080", str(site.web.base_url).rstrip("/"))
    script = script.replace("shop", "guide").replace("--json", "-H 'Content-Type: application/json' -d")
    script = script.replace("https://example.org/cat.jpg", f"{picture_server}/9-80-70.png").replace(
        "curl ", "curl -fsS "
    )
    for name, number in [("cat.jpg", 40), ("dog.png", 41)]:
        (tmp_path / name).write_bytes(picture_file(colour_of(number)))
    done = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"status":"known"' in done.stdout
    assert '"count":2}' in done.stdout


def test_the_log_has_the_whole_path(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "visop.request"):
        site.web.post("/v1/indexes/test/pictures", json={"pictures": [as_data(picture_file(colour_of(1)))]})
    (call,) = (record for record in caplog.records if record.getMessage() == "call")
    assert vars(call)["visop_fields"]["rpc"] == "POST /v1/indexes/{name}/pictures"

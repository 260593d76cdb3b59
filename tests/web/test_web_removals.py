from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import make_image
from tests.search.conftest import write_pictures
from tests.web.conftest import Site, open_test_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Ten pictures and two in a folder below. Tests put back what they remove."""
    home = tmp_path_factory.mktemp("removals")
    write_pictures(home / "photos" / "trip", 2, first=20)
    with open_test_site(home) as site:
        yield site


def remove(site: Site, **request: Any) -> httpx.Response:
    return site.web.post("/v1/remove", json=request)


def put_back(site: Site, *pictures: dict[str, Any]) -> None:
    for picture in pictures:
        assert site.web.put(f"/v1/pictures/{picture['id']}").status_code == 200


def upload(site: Site, file: bytes) -> dict[str, Any]:
    (kept,) = site.web.post("/v1/index", files={"images": file}).json()["pictures"]
    return kept


def test_a_picture_is_taken_out_and_put_back_with_the_vector_that_it_had(site: Site, tmp_path: Path) -> None:
    path = f"/v1/pictures/{site.ids()['3.png']}"
    before = site.search(id=site.ids()["3.png"]).json()
    assert site.web.get(f"{path}/thumbnail").status_code == 200
    kept = site.settings.cache_dir / "thumbnails"
    assert len(list(kept.rglob(f"{site.ids()['3.png']}.webp"))) == 1
    encoded = sum(site.operator.batches)
    reply = site.web.delete(path).json()
    assert (reply["removed"], reply["names"], reply["missing"], reply["can_undo"]) == (1, 0, [], True)
    assert reply["pictures"][0]["names"] == [str(site.folder / "3.png")]
    assert list(kept.rglob(f"{reply['pictures'][0]['id']}.webp")) == []
    assert (site.folder / "3.png").exists()
    for answer in (site.web.get(path), site.web.get(f"{path}/thumbnail"), site.web.delete(path)):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    answer = site.web.put(path)
    assert (answer.status_code, answer.json()["names"]) == (200, [str(site.folder / "3.png")])
    assert site.search(id=site.ids()["3.png"]).json() == before
    assert sum(site.operator.batches) == encoded


def test_what_is_meant_by_name_folder_id_or_filter_is_removed_together(site: Site) -> None:
    names = [str(site.folder / "1.png"), "/no/such.png"]
    meant = {"names": names, "folders": [str(site.folder / "trip")], "ids": [site.ids()["2.png"], "0" * 64]}
    would = remove(site, **meant, dry_run=True).json()
    assert (would["removed"], would["missing"], site.status()["count"]) == (4, ["/no/such.png", "0" * 64], 12)
    reply = remove(site, **meant).json()
    assert reply == would | {"can_undo": True}
    assert site.status()["count"] == 8
    put_back(site, *reply["pictures"])
    reply = remove(site, filter="width >= 16").json()
    assert (reply["removed"], site.status()["count"]) == (12, 0)
    put_back(site, *reply["pictures"])
    assert site.status()["count"] == 12


def test_an_upload_that_is_removed_loses_its_file_and_nothing_else_does(site: Site) -> None:
    folder = site.folder.parent / "uploads"
    kept = upload(site, make_image((1, 2, 200)))
    other = upload(site, make_image((1, 2, 201)))
    (folder / "mine.png").write_bytes(make_image((1, 2, 202)))
    assert len(list(folder.iterdir())) == 3
    reply = site.web.delete(f"/v1/pictures/{kept['id']}").json()
    assert (reply["removed"], reply["can_undo"]) == (1, False)
    assert sorted(path.name for path in folder.iterdir()) == ["mine.png", Path(other["names"][0]).name]
    answer = site.web.put(f"/v1/pictures/{kept['id']}")
    assert (answer.status_code, answer.json()["title"]) == (410, "Gone")
    assert upload(site, make_image((1, 2, 200)))["known"] is False
    Path(other["names"][0]).write_bytes(make_image((1, 2, 202)))  # no longer what was put there
    reply = remove(site, ids=[other["id"], kept["id"]]).json()
    assert reply["removed"] == 2
    assert sorted(path.name for path in folder.iterdir()) == ["mine.png", Path(other["names"][0]).name]


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({}, 400, "nothing is named that should be removed"),
        ({"ids": ["x"]}, 400, "ids[0]: must match"),
        ({"filter": "widht > 3"}, 400, "filter: is no expression over the fields of an index"),
        ({"name": ["/a"]}, 400, "name: there is no such field"),
        ({"names": [""]}, 400, "names[0]: must have at least 1 characters"),
    ],
    ids=str,
)
def test_what_is_no_request_is_refused(site: Site, request_: dict[str, Any], status: int, said: str) -> None:
    answer = remove(site, **request_)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(said)
    assert answer.headers["content-type"] == "application/problem+json"
    assert site.status()["count"] == 12


def test_a_page_of_another_site_removes_nothing(site: Site) -> None:
    for method, path in (("DELETE", f"/v1/pictures/{site.ids()['3.png']}"), ("POST", "/v1/remove")):
        answer = site.web.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


def test_a_method_that_is_not_there_is_answered_with_those_that_are(site: Site) -> None:
    answer = site.web.request("OPTIONS", f"/v1/pictures/{'0' * 64}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, PUT")


def test_what_was_never_removed_is_not_put_back(site: Site) -> None:
    answer = site.web.put(f"/v1/pictures/{'0' * 64}")
    assert (answer.status_code, "was not removed lately" in answer.json()["detail"]) == (404, True)


def test_where_uploads_are_off_nothing_is_removed(start_site: Callable[..., Site]) -> None:
    site = start_site(1, options={"uploads": None})
    path = f"/v1/pictures/{site.ids()['0.png']}"
    for answer in (site.web.delete(path), site.web.put(path), remove(site, filter="width > 0")):
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert site.status()["count"] == 1


@pytest.mark.slow
def test_a_stranger_removes_by_what_answers_tell(start_site: Callable[..., Site]) -> None:
    site = start_site(2, http_endpoint="0.0.0.0:0")
    for meant in ({"names": ["/a"]}, {"folders": ["/"]}, {"filter": 'array_contains(names, "/a")'}):
        answer = remove(site, **meant, dry_run=True)
        assert (answer.status_code, answer.json()["field"]) == (400, next(iter(meant)))
    id_ = hashlib.sha256((site.folder / "0.png").read_bytes()).hexdigest()
    assert remove(site, filter=f'id == "{id_}"').json()["pictures"][0]["names"] == ["0.png"]
    assert site.status()["count"] == 1

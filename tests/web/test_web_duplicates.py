"""Copies over HTTP: found in the background, moved away and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.search.conftest import write_pictures
from tests.web.conftest import Site, open_test_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One picture under three names, two that are alike, and one alone. Tests move back what they move."""
    home = tmp_path_factory.mktemp("duplicates")
    folder = home / "photos"
    for number in (0, 100, 101, 180):
        write_pictures(folder, 1, first=number)
    (folder / "trip").mkdir()
    shutil.copy2(folder / "0.png", folder / "again.png")
    shutil.copy2(folder / "0.png", folder / "trip" / "0.png")
    with open_test_site(home, 0, options={"pictures": [str(folder)]}) as site:
        yield site


@pytest.fixture
def names(site: Site) -> dict[str, str]:
    """Short name -> name in the index."""
    shorts = ("0.png", "again.png", "trip/0.png", "100.png", "101.png", "180.png")
    return {short: str(site.folder / short) for short in shorts}


def look(site: Site, path: str = "/v1/duplicates") -> dict[str, Any]:
    """Look for copies, and wait for the end."""
    assert site.web.post(path).status_code == 200
    while (found := found_of(site, path))["state"] == "running":
        pass
    return found


def found_of(site: Site, path: str = "/v1/duplicates") -> dict[str, Any]:
    found: dict[str, Any] = site.web.get(path).json()
    return found


def names_of(found: dict[str, Any]) -> list[list[str]]:
    groups = found["groups"]
    return [sorted(name for picture in group["pictures"] for name in picture["names"]) for group in groups]


def move(site: Site, keep: list[str], moved: list[str], list_: str = "") -> httpx.Response:
    return site.web.post("/v1/duplicates/move", json={"groups": [{"keep": keep, "move": moved}], "undo_list": list_})


def test_copies_are_looked_for_when_somebody_asks(site: Site, names: dict[str, str]) -> None:
    assert found_of(site)["state"] in ("idle", "done")
    found = look(site)
    assert (found["state"], found["count"], found["message"]) == ("done", 2, "")
    assert found["done"] == found["total"] == 8  # four pictures were compared, and two groups looked at, twice
    assert names_of(found) == [
        sorted([names["0.png"], names["again.png"], names["trip/0.png"]]),
        [names["100.png"], names["101.png"]],
    ]
    assert found["move_to"] == str(site.folder.parent / "moved")
    assert site.web.get("/v1/duplicates?limit=1&offset=1").json()["groups"] == found["groups"][1:]


def test_what_is_moved_leaves_the_index_and_comes_back(site: Site, names: dict[str, str]) -> None:
    look(site)
    ids = site.ids()
    first = move(site, [names["0.png"]], [names["trip/0.png"]]).json()
    assert (first["moved"], first["left"]) == ([names["trip/0.png"]], [])
    reply = move(site, [names["101.png"]], [names["100.png"]], first["undo_list"]).json()
    assert (reply["moved"], reply["left"], reply["undo_list"]) == ([names["100.png"]], [], first["undo_list"])
    away = site.folder.parent / "moved"
    assert {path.name for path in away.iterdir()} == {"0.png", "100.png", first["undo_list"]}
    assert names_of(found_of(site)) == [sorted([names["0.png"], names["again.png"]])]
    assert "100.png" not in site.ids()
    encoded = sum(site.operator.batches)
    back = site.web.post("/v1/duplicates/undo", json={"undo_list": first["undo_list"]}).json()
    assert (back["moved"], back["left"]) == (sorted([names["100.png"], names["trip/0.png"]]), [])
    assert (site.folder / "trip" / "0.png").exists()
    assert site.ids() == ids
    assert site.search(id=ids["100.png"]).json()["matches"][0]["names"] == [names["100.png"]]
    assert sum(site.operator.batches) == encoded
    assert len(names_of(found_of(site))) == 2
    (away / first["undo_list"]).unlink()


def test_each_index_has_copies_of_its_own(site: Site) -> None:
    files = {f"{number}.png": (site.folder / f"{number}.png").read_bytes() for number in (100, 101)}
    site.web.post("/v1/indexes", json={"name": "art"})
    site.web.post("/v1/indexes/art/pictures", files=[("images", each) for each in files.items()])
    path = "/v1/indexes/art/duplicates"
    assert found_of(site, path)["state"] == "idle"
    [group] = names_of(look(site, path))
    assert len(group) == 2
    assert not set(group) & set(site.ids())
    moved = site.web.post(f"{path}/move", json={"groups": [{"keep": group[:1], "move": group[1:]}]}).json()
    assert (moved["moved"], site.web.get("/v1/indexes/art").json()["count"]) == (group[1:], 1)
    back = site.web.post(f"{path}/undo", json={"undo_list": moved["undo_list"]}).json()
    assert (back["moved"], site.web.get("/v1/indexes/art").json()["count"]) == (group[1:], 2)
    assert site.web.get("/v1/indexes/none/duplicates").status_code == 404
    site.web.delete("/v1/indexes/art")
    (site.folder.parent / "moved" / moved["undo_list"]).unlink()


def test_only_what_was_found_to_be_a_copy_can_be_moved(site: Site, names: dict[str, str]) -> None:
    look(site)
    for keep, moved in (
        ("/etc/hosts", "/etc/passwd"),
        (names["0.png"], "/etc/passwd"),
        (names["0.png"], names["180.png"]),
        (names["0.png"], names["100.png"]),
    ):
        answer = move(site, [keep], [moved])
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("groups[0]: its files are not of one group that was found")
    assert move(site, [names["0.png"]], [names["0.png"]]).status_code == 400
    assert move(site, [], [names["0.png"]]).status_code == 400
    assert (site.folder / "0.png").exists()
    assert not list(site.folder.parent.glob("moved/*.png"))


@pytest.mark.parametrize("name", ["../photos/0.png", "moved-1.jsonl", "", "/etc/passwd", "moved-/../../x.jsonl"])
def test_a_list_is_one_of_the_folder(site: Site, names: dict[str, str], name: str) -> None:
    assert site.web.post("/v1/duplicates/undo", json={"undo_list": name}).status_code == 404
    if name:
        assert move(site, [names["0.png"]], [names["again.png"]], name).status_code in (400, 404)


def test_a_file_that_changed_stays_with_the_reason(site: Site, names: dict[str, str]) -> None:
    look(site)
    before = (site.folder / "again.png").read_bytes()
    (site.folder / "again.png").write_bytes(b"changed")
    reply = move(site, [names["0.png"]], [names["again.png"]]).json()
    (site.folder / "again.png").write_bytes(before)
    left = [{"name": names["again.png"], "reason": "has changed since it was indexed"}]
    assert reply == {"moved": [], "left": left, "undo_list": ""}


@pytest.mark.parametrize(
    ("options", "changes", "may_look"),
    [
        pytest.param({"move_to": None}, {}, 200, marks=pytest.mark.slow),
        ({"uploads": None}, {}, 200),
        pytest.param({}, {"http_endpoint": "0.0.0.0:0"}, 200, marks=pytest.mark.slow),
        pytest.param({"uploads": None}, {"http_endpoint": "0.0.0.0:0"}, 403, marks=pytest.mark.slow),
    ],
)
def test_files_are_moved_only_from_this_machine_where_writing_is_allowed(
    start_site: Callable[..., Site], options: dict[str, Any], changes: dict[str, Any], may_look: int
) -> None:
    site = start_site(2, options=options, **changes)
    assert site.web.post("/v1/duplicates").status_code == may_look
    found = found_of(site)
    assert found["move_to"] is None
    assert move(site, [str(site.folder / "0.png")], [str(site.folder / "1.png")]).status_code == 403
    assert site.web.post("/v1/duplicates/undo", json={"undo_list": "moved-1.jsonl"}).status_code == 403
    assert Path(site.folder / "1.png").exists()


@pytest.mark.slow
def test_a_search_that_finds_no_threshold_says_so(start_site: Callable[..., Site]) -> None:
    found = look(start_site(2, options={"calibration": None}))
    assert found["state"] == "failed"
    assert "none is known for this encoder, and 2 pictures are too few" in found["message"]

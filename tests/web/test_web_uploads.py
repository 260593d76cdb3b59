from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.conftest import make_image
from tests.search.conftest import colour_of, picture_file
from tests.web.conftest import Site


def upload(site: Site, *files: bytes, name: str = "x.png") -> dict:
    answer = site.web.post("/v1/index", files=[("images", (name, file)) for file in files])
    return answer.json() | {"http": answer.status_code}


def test_an_upload_can_be_found_and_seen_at_once(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(3)
    new = make_image((200, 10, 10), kind="JPEG")
    (kept,) = upload(site, new)["pictures"]
    assert (kept["known"], kept["id"], kept["width"]) == (False, hashlib.sha256(new).hexdigest(), 16)
    found = site.web.post("/v1/search", files={"image": new}).json()["matches"][0]
    assert (found["id"], found["names"]) == (kept["id"], [str(tmp_path / "uploads" / f"upload-{kept['id'][:16]}.jpg")])
    assert site.web.get(f"/v1/pictures/{kept['id']}").content == new
    assert site.status()["count"] == 4


def test_what_is_there_already_is_not_written_again(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(3)
    answer = upload(site, picture_file(colour_of(1)), picture_file(colour_of(1)))
    assert [each["known"] for each in answer["pictures"]] == [True, True]
    assert site.status()["count"] == 3
    assert not (tmp_path / "uploads").exists()


def test_one_bad_file_fails_the_upload_and_nothing_is_kept(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(0)
    answer = upload(site, make_image(), b"<svg onload=alert(1)>")
    assert (answer["http"], answer["violations"][0]["field"]) == (400, "images[1]")
    assert site.status()["count"] == 0
    assert not (tmp_path / "uploads").exists()


def test_no_part_of_a_file_name_is_the_clients(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(0)
    upload(site, make_image(), name="../../../evil.png")
    (kept,) = (tmp_path / "uploads").iterdir()
    assert kept.name.startswith("upload-")
    assert not list(tmp_path.rglob("*evil*"))


def test_where_uploads_are_off_they_are_refused_before_they_are_read(start_site: Callable[..., Site]) -> None:
    site = start_site(0, choice={"uploads": None})
    assert site.status()["uploads"] is False
    answer = upload(site, b"x" * 1000)
    assert (answer["http"], answer["code"]) == (403, "PERMISSION_DENIED")
    assert "--uploads FOLDER" in answer["detail"]


def test_a_folder_that_cannot_be_written_is_told_without_its_path(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    (tmp_path / "uploads").write_text("in the way")
    site = start_site(0)
    answer = upload(site, make_image())
    assert (answer["http"], answer["code"]) == (500, "INTERNAL")
    assert "could not be kept" in answer["detail"]
    assert str(tmp_path) not in answer["detail"]
    assert site.status()["count"] == 0


def test_only_a_form_of_images_is_an_upload(site: Site) -> None:
    assert site.web.post("/v1/index", json={"url": "http://example.org"}).status_code == 415
    answer = site.web.post("/v1/index", files={"files": b"x"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "'files': there is no such part; there is images")

"""A site whose index keeps originals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import picture_file
from tests.web.conftest import Site


def test_pictures_and_uploads_are_shown_from_their_copies_and_deleted_with_them(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = start_site(2, options={"keep_originals": str(tmp_path / "kept"), "watch": False})
    site.indexed()
    new = picture_file((200, 100, 50))
    (uploaded,) = site.web.post("/v1/index", files={"images": new}).json()["pictures"]
    shutil.rmtree(tmp_path / "photos")
    shutil.rmtree(tmp_path / "uploads")
    ids = {picture["id"] for picture in site.web.get("/v1/pictures").json()["pictures"]}
    assert len(ids) == 3
    for id_ in ids:
        assert site.web.get(f"/v1/pictures/{id_}/thumbnail").status_code == 200
    assert site.web.get(f"/v1/pictures/{uploaded['id']}").content == new
    assert {path.name for path in (tmp_path / "kept" / "test").glob("??/*")} == ids
    site.web.post("/v1/remove", json={"ids": [uploaded["id"]]})
    assert {path.name for path in (tmp_path / "kept" / "test").glob("??/*")} == ids - {uploaded["id"]}
    assert not list((tmp_path / "kept" / "test" / "unfinished").iterdir())

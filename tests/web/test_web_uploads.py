from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_image, note, picture_file, unit
from tests.search.conftest import colour_of, write_pictures
from tests.toys import ToyOperator
from tests.web.conftest import Site
from visop.encoding.encoded import EncodedPicture
from visop.encoding.local import LocalEncoder
from visop.encoding.pool import Encoders
from visop.search.index import Index
from visop.serving.pipeline import Pipeline
from visop.settings import Settings
from visop.sources import find_inputs
from visop.web.originals import Originals
from visop.web.uploads import NewFile, Uploads


def upload(site: Site, *files: bytes, name: str = "x.png") -> dict[str, Any]:
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
    site = start_site(0, options={"uploads": None})
    assert site.status()["uploads"] is False
    answer = upload(site, b"x" * 1000)
    assert (answer["http"], answer["code"]) == (403, "PERMISSION_DENIED")
    assert "started without a folder for them" in answer["detail"]


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


def test_a_picture_whose_file_is_gone_is_brought_back(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(2)
    id_, gone = site.ids()["0.png"], site.folder / "0.png"
    file = gone.read_bytes()
    gone.unlink()
    (kept,) = upload(site, file)["pictures"]
    uploaded = tmp_path / "uploads" / f"upload-{id_[:16]}.png"
    assert (kept["known"], kept["id"], kept["names"]) == (False, id_, [str(gone), str(uploaded)])
    assert site.web.get(f"/v1/pictures/{id_}").content == file
    assert site.web.get(f"/v1/pictures/{id_}/thumbnail").status_code == 200
    assert site.search(id=id_, k=1).json()["matches"][0]["id"] == id_
    assert (upload(site, file)["pictures"][0]["known"], site.status()["count"]) == (True, 2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_what_is_uploaded_can_be_indexed_as_a_folder(
    start_site: Callable[..., Site], tmp_path: Path, kind: str
) -> None:
    site = start_site(0)
    upload(site, make_image(kind=kind))
    assert find_inputs([str(tmp_path / "uploads")]).names == [str(path) for path in (tmp_path / "uploads").iterdir()]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[Index, ToyOperator]]:
    operator, settings = ToyOperator(), replace(Settings(), cache_dir=tmp_path / "cache")
    with Pipeline(operator, settings) as pipeline:
        encoder = LocalEncoder(operator.info(), pipeline)
        encoders = Encoders(operator.info(), settings.max_image_bytes, {"toy": encoder})
        with Index.open(str(tmp_path / "test.db"), "test", encoders=encoders, settings=settings) as index:
            index.add([])
            yield index, operator
            operator.gate.set()


def test_an_upload_beside_indexing_and_the_file_that_is_indexed_are_one_picture(
    index: tuple[Index, ToyOperator], tmp_path: Path
) -> None:
    there, operator = index
    (path,) = write_pictures(tmp_path / "photos", 1)
    operator.gate.clear()
    with ThreadPoolExecutor(1) as pool, Originals(Settings()) as originals:
        indexing = pool.submit(there.add, [path])
        assert operator.entered.acquire(timeout=20)  # it was looked up, and is not there
        uploads = Uploads(there, originals, tmp_path / "uploads")
        kept = uploads.keep(NewFile(path.read_bytes(), EncodedPicture(unit(colour_of(0)).astype(np.float32))))
        operator.gate.set()
        indexing.result()
    picture = there.get(kept.picture.id)
    assert picture is not None
    assert picture.names == (str(path), *kept.picture.names)
    assert (picture.added, picture.modified) == (kept.picture.added, 1_600_000_000)


def test_the_same_file_may_be_uploaded_many_times_at_once(index: tuple[Index, ToyOperator], tmp_path: Path) -> None:
    there, _ = index
    with ThreadPoolExecutor(8) as pool, Originals(Settings()) as originals:
        uploads = Uploads(there, originals, tmp_path / "uploads")
        for number in range(15):
            vector = unit(colour_of(number)).astype(np.float32)
            kept = list(pool.map(uploads.keep, [NewFile(picture_file(colour_of(number)), EncodedPicture(vector))] * 8))
            assert sum(not each.known for each in kept) == 1
    assert there.count() == 15
    assert len(list((tmp_path / "uploads").iterdir())) == 15


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_upload_into_an_index_that_is_gone_is_told_as_a_search_is(
    start_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    opened: list[Index] = []
    open_index = Index.open
    monkeypatch.setattr(Index, "open", lambda *args, **kwargs: note(opened, open_index(*args, **kwargs)))
    site = start_site(1, http_endpoint=f"{host}:0")
    id_ = site.ids()["0.png"]
    opened[0].drop()
    told = site.search(id=id_).json()
    assert (told["status"], told["detail"].partition(":")[0]) == (404, "there is no index any more")
    assert upload(site, make_image()) == told | {"http": 404}

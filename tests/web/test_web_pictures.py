from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as PILImage

from tests.search.conftest import colour_of, make_old, picture_file
from tests.web.conftest import Site


def test_a_thumbnail_is_small_webp_for_ever_and_asked_for_once(start_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "large.png").write_bytes(picture_file((9, 8, 7), (900, 600)))
    site = start_site(1)
    answer = site.web.get(f"/v1/pictures/{site.ids()['large.png']}/thumbnail")
    with PILImage.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("WEBP", (320, 213))
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = site.web.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_picture_is_the_file_as_it_was_indexed(site: Site) -> None:
    answer = site.web.get(f"/v1/pictures/{site.ids()['3.png']}")
    assert answer.content == picture_file(colour_of(3))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["", "/thumbnail"])
@pytest.mark.parametrize(
    ("id_", "status"),
    [("0" * 64, 404), ("A" * 64, 400), ("3.png", 400), ("..%2F..%2Fetc%2Fpasswd", 404), ("%00", 400), ("0" * 65, 400)],
)
def test_what_is_no_picture_of_the_index_is_not_served(site: Site, id_: str, status: int, path: str) -> None:
    answer = site.web.get(f"/v1/pictures/{id_}{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_another_file_in_the_place_of_a_picture_is_not_served(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(2)
    ids = site.ids()
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture_file((1, 1, 2)))
    (site.folder / "0.png").unlink()
    (site.folder / "0.png").symlink_to(secret)
    (site.folder / "1.png").unlink()
    for name in ("0.png", "1.png"):
        for path in ("", "/thumbnail"):
            answer = site.web.get(f"/v1/pictures/{ids[name]}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_a_copy_under_another_name_still_serves(start_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "copy.png").write_bytes(picture_file(colour_of(0)))
    make_old(tmp_path / "photos" / "copy.png")
    site = start_site(1)
    (site.folder / "0.png").unlink()
    assert site.web.get(f"/v1/pictures/{site.ids()['copy.png']}").content == picture_file(colour_of(0))


def test_a_picture_that_left_the_index_is_gone_although_its_thumbnail_is_kept(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    id_ = hashlib.sha256(picture_file(colour_of(0))).hexdigest()
    kept = tmp_path / "cache" / "thumbnails" / "320" / id_[:2] / f"{id_}.webp"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a thumbnail of another index")
    site = start_site(0)
    answer = site.web.get(f"/v1/pictures/{id_}/thumbnail", headers={"If-None-Match": f'"{id_}-320"'})
    assert answer.status_code == 404


def test_a_picture_from_the_web_is_fetched_and_its_digest_checked(
    start_site: Callable[..., Site], picture_server: str
) -> None:
    site = start_site(0, choice={"photos": [f"{picture_server}/10-20-30.png"]})
    (id_,) = site.ids().values()
    assert hashlib.sha256(site.web.get(f"/v1/pictures/{id_}").content).hexdigest() == id_
    assert site.web.get(f"/v1/pictures/{id_}/thumbnail").status_code == 200


def test_without_a_place_for_thumbnails_they_are_made_each_time(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "thumbnails").write_text("in the way")
    site = start_site(1)
    for _ in range(2):
        assert site.web.get(f"/v1/pictures/{site.ids()['0.png']}/thumbnail").status_code == 200

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.collect.pages_site import picture
from tests.collect.test_near import decoded
from visop.collect.folder import MANIFEST, PictureFolder
from visop.collect.page import Picture
from visop.errors import UsageError

PAGE = "http://example.org/"


def add(folder: PictureFolder, data: bytes, name: str = "a") -> None:
    folder.add(Picture(PAGE + name, "its text"), PAGE, data, decoded(data))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (path / MANIFEST).read_text().splitlines()]


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("GIF", ".gif"), ("BMP", ".bmp"), ("TIFF", ".tif")],
)
def test_a_picture_is_kept_byte_for_byte_under_its_digest(tmp_path: Path, kind: str, extension: str) -> None:
    data = picture(1, kind=kind)
    with PictureFolder(tmp_path) as folder:
        add(folder, data)
    name = hashlib.sha256(data).hexdigest() + extension
    assert (tmp_path / name).read_bytes() == data
    assert sorted(os.listdir(tmp_path)) == sorted([name, MANIFEST])


def test_the_manifest_says_where_a_picture_comes_from(tmp_path: Path) -> None:
    with PictureFolder(tmp_path) as folder:
        add(folder, picture(1))
    (entry,) = lines(tmp_path)
    assert {"url": PAGE + "a", "page": PAGE, "alt": "its text", "outcome": "done"}.items() <= entry.items()
    assert (entry["width"], entry["height"]) == (120, 90)
    assert str(entry["when"]).endswith("+00:00")


def test_duplicates_are_known_from_one_run_to_the_next(tmp_path: Path) -> None:
    with PictureFolder(tmp_path) as folder:
        add(folder, picture(1))
    with PictureFolder(tmp_path) as folder:
        add(folder, picture(1), "same")
        add(folder, picture(1, kind="JPEG"), "near")
        add(folder, picture(2), "other")
        assert len(folder) == 2
    first, same, near, _ = lines(tmp_path)
    assert (same["reason"], same["like"]) == ("duplicate", first["file"])
    assert (near["reason"], near["like"]) == ("near duplicate", first["file"])


def test_near_duplicates_may_be_kept(tmp_path: Path) -> None:
    with PictureFolder(tmp_path, keep_near_duplicates=True) as folder:
        add(folder, picture(1))
        add(folder, picture(1, kind="JPEG"), "near")
        assert len(folder) == 2


def test_flat_pictures_are_duplicates_only_if_their_bytes_are(tmp_path: Path) -> None:
    with PictureFolder(tmp_path) as folder:
        for shade in (10, 20, 30):
            flat = np.full((70, 70, 3), shade, np.uint8)
            buffer = io.BytesIO()
            PIL.Image.fromarray(flat).save(buffer, "PNG")
            folder.add(Picture(f"{shade}"), PAGE, buffer.getvalue(), flat)
        assert len(folder) == 3


def test_a_line_that_was_cut_off_by_a_kill_is_done_again(tmp_path: Path) -> None:
    with PictureFolder(tmp_path) as folder:
        add(folder, picture(1))
        folder.note_page(PAGE, "done")
    whole = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(whole[:-10])
    with PictureFolder(tmp_path) as folder:
        assert folder.outcome("picture", PAGE + "a") == "done"
        assert folder.outcome("page", PAGE) is None
    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize(
    "text", ['{"name": "x"}\n', "file,url\na,b\n", "not json\n\n", "[]\n1\n", '{"kind": [], "url": 1}\n']
)
def test_a_manifest_of_somebody_else_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match=r"^folder .*: line 1 of manifest.jsonl was not written by visop collect"):
        PictureFolder(tmp_path)
    assert (tmp_path / MANIFEST).read_text() == text


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    with PictureFolder(tmp_path), pytest.raises(UsageError, match="another process is writing it"):
        PictureFolder(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"^folder .*file/below: cannot be made"):
        PictureFolder(tmp_path / "file" / "below")


def test_of_a_url_that_was_tried_again_the_last_outcome_counts(tmp_path: Path) -> None:
    with PictureFolder(tmp_path) as folder:
        folder.note_loss(Picture(PAGE + "a"), PAGE, "failed", "status 503")
        add(folder, picture(1))
    with PictureFolder(tmp_path) as folder:
        assert folder.outcome("picture", PAGE + "a") == "done"
        assert folder.count("picture") == {("done", ""): 1}


def test_a_data_uri_is_named_by_its_digest(tmp_path: Path) -> None:
    uri = "data:image/png;base64," + "A" * 100_000
    with PictureFolder(tmp_path) as folder:
        folder.note_loss(Picture(uri), PAGE, "failed", "not an image")
        assert folder.outcome("picture", uri) == "failed"
    assert len(str(lines(tmp_path)[0]["url"])) < 200

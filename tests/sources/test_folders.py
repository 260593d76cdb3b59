"""Pictures in folders are found by what they are, and what is passed over is counted."""

import os

import pytest
from PIL import Image

from visop.errors import UsageError
from visop.sources import FindOptions, find_inputs, gather


@pytest.fixture
def jpeg(tmp_path_factory):
    path = tmp_path_factory.mktemp("jpeg") / "a.jpg"
    Image.new("RGB", (8, 8)).save(path)
    return path.read_bytes()


def put(folder, content, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def walked(folder, **options):
    found = find_inputs([str(folder)], FindOptions(**options))
    return [os.path.relpath(name, folder) for name in found.names], found.passed


def test_pictures_are_found_whatever_they_are_called(tmp_path, jpeg):
    names = ["a", "b.jfif", "c.jpe", "d.jpg_large", "e.jpg?w=800", "f.txt", "g.HEIC", "h.avif", "i.tmp"]
    put(tmp_path, jpeg, *names[:6])
    put(tmp_path, b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "g.HEIC")
    put(tmp_path, b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "h.avif", "i.tmp")
    put(tmp_path, b"words", "notes.md", "empty")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    found, passed = walked(tmp_path)
    assert found == names
    assert str(passed) == "4 files that are no pictures"


def test_what_is_hidden_or_made_by_systems_is_passed_over_and_counted(tmp_path, jpeg):
    put(tmp_path, jpeg, "IMG_1.jpg", "@eaDir/IMG_1.jpg/SYNOPHOTO_THUMB_M.jpg", ".thumbnails/IMG_1.jpg")
    put(tmp_path, jpeg, "#recycle/deleted.jpg", ".Trash-1000/files/deleted.jpg", "._IMG_1.jpg")
    found, passed = walked(tmp_path)
    assert found == ["IMG_1.jpg"]
    assert str(passed) == "5 hidden or excluded (#recycle, .Trash-1000, ._IMG_1.jpg, ...)"
    assert len(walked(tmp_path, default_excludes=False)[0]) == 6
    assert walked(tmp_path, exclude=["!@eaDir", "IMG_1.jpg/"])[0] == ["IMG_1.jpg"]
    assert len(walked(tmp_path, exclude=["!@eaDir"])[0]) == 2
    assert walked(tmp_path / "@eaDir")[0] == ["IMG_1.jpg/SYNOPHOTO_THUMB_M.jpg"]
    assert walked(tmp_path / ".thumbnails")[0] == ["IMG_1.jpg"]


def test_a_file_without_a_suffix_that_cannot_be_read_is_an_input_that_says_why(tmp_path, jpeg, monkeypatch):
    put(tmp_path, jpeg, "a")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert walked(tmp_path)[0] == ["a"]


def test_links_to_folders_are_named_and_followed_if_asked_for(tmp_path, jpeg):
    put(tmp_path, jpeg, "pictures/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "pictures" / "link").symlink_to(tmp_path / "elsewhere")
    found, passed = walked(tmp_path / "pictures")
    assert found == ["a.jpg"]
    assert str(passed) == f"1 link to a folder ({tmp_path}/pictures/link)"
    assert walked(tmp_path / "pictures", follow_links=True)[0] == ["a.jpg", "link/b.jpg"]


def test_circles_of_links_end(tmp_path, jpeg):
    put(tmp_path, jpeg, "z/a/b.jpg")
    (tmp_path / "z" / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "z")
    assert walked(tmp_path)[0] == ["z/a/b.jpg"]
    assert walked(tmp_path, follow_links=True)[0] == ["z/a/b.jpg"]


def test_a_folder_of_other_files_is_refused_with_what_it_holds(tmp_path, jpeg):
    put(tmp_path, b"words", "a.md", ".b.jpg")
    with pytest.raises(UsageError, match=r"nothing was changed; passed over: 1 file that is no picture; 1 hidden"):
        gather([str(tmp_path)])

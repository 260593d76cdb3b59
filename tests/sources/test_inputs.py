import os

import pytest

from visop.errors import UsageError
from visop.sources import find_inputs, gather, read_input


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_folders_are_walked_in_a_stable_order(tmp_path):
    touch(tmp_path, "b.jpg", "a.JPG", "z/c.png", "a/d.webp", "notes.txt", "jpg")
    found = [os.path.relpath(name, tmp_path) for name in find_inputs([str(tmp_path)]).names]
    assert found == ["a.JPG", "b.jpg", "a/d.webp", "z/c.png"]


def test_files_and_urls_are_taken_as_they_are_and_in_order(tmp_path):
    touch(tmp_path, "notes.pdf")
    names = ["http://host/a", str(tmp_path / "notes.pdf"), "HTTPS://host/b", "http://host/a"]
    assert find_inputs(names).names == names


def test_a_name_that_is_not_there_is_wrong_usage():
    with pytest.raises(UsageError, match="nowhere: no such file or folder"):
        find_inputs(["nowhere"])


def test_a_folder_that_cannot_be_read_is_not_left_out_in_silence(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        find_inputs([str(tmp_path)])


def test_a_folder_that_cannot_be_read_may_be_an_input_that_says_why(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg", "closed/b.jpg", "open/c.jpg")
    closed, scandir = str(tmp_path / "closed"), os.scandir

    def refuse(path):
        if path == closed:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_inputs([str(tmp_path)], keep_unreadable=True).names
    assert found == [str(tmp_path / "a.jpg"), str(tmp_path / "open/c.jpg"), closed]
    assert str(read_input(closed, 100)) == "cannot be read: Permission denied"


def test_lists_are_read_wherever_inputs_are_given(tmp_path):
    (tmp_path / "list.TXT").write_text("a.jpg\nhttp://host/b\n")
    (tmp_path / "list.csv").write_text("id,file\n1,c.jpg\n")
    names = [str(tmp_path / "list.TXT"), str(tmp_path / "list.csv")]
    assert find_inputs(names).names == ["a.jpg", "http://host/b", "c.jpg"]


def test_folders_lists_files_and_urls_in_the_order_given(tmp_path):
    touch(tmp_path, "photos/0.png", "photos/1.png")
    a, b = tmp_path / "photos/0.png", tmp_path / "photos/1.png"
    (tmp_path / "list.txt").write_text(f"{b}\nhttp://x/1.jpg\n")
    (tmp_path / "list.csv").write_text(f"id,Path\n1,{a}\n2,\n")
    given = [str(tmp_path / name) for name in ("photos", "list.txt", "list.csv")] + ["https://y/2.jpg", str(a)]
    found = gather(given)
    assert list(found.names) == [str(a), str(b), str(b), "http://x/1.jpg", str(a), "https://y/2.jpg", str(a)]
    assert list(found.folders) == [str(tmp_path / "photos")]


@pytest.mark.parametrize("name", ["no.txt", "no.csv", "no.jpg", "no"])
def test_what_is_not_there_is_named(tmp_path, name):
    with pytest.raises(UsageError, match=name):
        gather([str(tmp_path / name)])


def test_an_empty_list_is_refused(tmp_path):
    (tmp_path / "l.txt").touch()
    with pytest.raises(UsageError, match="list with no pictures in it"):
        gather([str(tmp_path / "l.txt")])


def test_names_are_absolute_as_in_the_index_whatever_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "photos/0.png")
    (tmp_path / "l.txt").write_text("photos/../no.png\ns3://bucket/1.png\nhttp://x/1.jpg\n")
    found = [str(tmp_path / "photos/0.png")] * 2 + [str(tmp_path / "no.png"), "s3://bucket/1.png", "http://x/1.jpg"]
    assert list(gather(["photos", "photos/0.png", "l.txt"]).names) == found


def test_a_folder_that_cannot_be_read_does_not_refuse_the_others(tmp_path, monkeypatch):
    touch(tmp_path, "photos/0.png")
    (closed := tmp_path / "photos" / "private").mkdir()
    scandir = os.scandir

    def refuse(path):
        if path == str(closed):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(gather([str(tmp_path / "photos")]).names) == [str(tmp_path / "photos/0.png"), str(closed)]

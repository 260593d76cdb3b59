import os

import pytest

from tests.search.conftest import write_pictures
from visop.errors import UsageError
from visop.search.inputs import gather


def test_folders_lists_files_and_urls_in_the_order_given(tmp_path):
    a, b = write_pictures(tmp_path / "photos", 2)
    (tmp_path / "list.txt").write_text(f"{b}\nhttp://x/1.jpg\n")
    (tmp_path / "list.csv").write_text(f"id,Path\n1,{a}\n2,\n")
    given = [str(tmp_path / name) for name in ("photos", "list.txt", "list.csv")] + ["https://y/2.jpg", str(a)]
    found = gather(given)
    assert list(found.names) == [str(a), str(b), str(b), "http://x/1.jpg", str(a), "https://y/2.jpg", str(a)]
    assert list(found.folders) == [str(tmp_path / "photos")]


def test_a_csv_without_a_header_is_read_from_its_first_line(tmp_path):
    (tmp_path / "l.csv").write_text("/a.jpg,1\n/b.jpg,2\n")
    assert list(gather([str(tmp_path / "l.csv")]).names) == ["/a.jpg", "/b.jpg"]


@pytest.mark.parametrize("name", ["no.txt", "no.csv", "no.jpg", "no"])
def test_what_is_not_there_is_named(tmp_path, name):
    with pytest.raises(UsageError, match=name):
        gather([str(tmp_path / name)])


def test_an_empty_list_is_refused(tmp_path):
    (tmp_path / "l.txt").touch()
    with pytest.raises(UsageError, match="list with no pictures in it"):
        gather([str(tmp_path / "l.txt")])


def test_what_stands_around_the_cells_of_a_csv_does_not_count(tmp_path):
    (tmp_path / "l.csv").write_text("id, Path\n1, /a b.jpg \n2, \n")
    assert list(gather([str(tmp_path / "l.csv")]).names) == ["/a b.jpg"]


def test_names_are_absolute_as_in_the_index_whatever_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "photos", 1)
    (tmp_path / "l.txt").write_text("photos/../no.png\ns3://bucket/1.png\nhttp://x/1.jpg\n")
    found = [str(tmp_path / "photos/0.png")] * 2 + [str(tmp_path / "no.png"), "s3://bucket/1.png", "http://x/1.jpg"]
    assert list(gather(["photos", "photos/0.png", "l.txt"]).names) == found


def test_a_folder_that_cannot_be_read_does_not_refuse_the_others(tmp_path, monkeypatch):
    (path,) = write_pictures(tmp_path / "photos", 1)
    (closed := tmp_path / "photos" / "lost+found").mkdir()
    scandir = os.scandir

    def refuse(path):
        if path == str(closed):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(gather([str(tmp_path / "photos")]).names) == [str(path), str(closed)]

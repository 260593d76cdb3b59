from pathlib import Path, PurePath

import pytest

from visop.detecting.copy_names import copy_names, outside
from visop.errors import UsageError
from visop.sources import Found


def names_of(names: list[str], *folders: str) -> list[str]:
    return [str(path) for path in copy_names(names, folders).values()]


def test_copies_are_called_as_the_pictures_and_are_jpegs() -> None:
    names = ["/data/a/1.jpg", "/data/a/1.tif", "/data/scan", "/else/Two.JPEG", "http://host/x/cat%20a.webp?size=3"]
    expected = ["a/1.jpg", "a/1.tif.jpg", "scan.jpg", "Two.JPEG", "cat-a.webp.jpg"]
    assert names_of(names, "/data") == expected


@pytest.mark.parametrize("url", ["http://host/", "http://host/..", "http://host/%2e%2e%2f", "http://host"])
def test_an_address_names_no_other_folder(url: str) -> None:
    assert names_of([url]) == ["picture.jpg"]


def test_no_two_inputs_have_one_copy_whatever_the_file_system_takes_for_the_same() -> None:
    names = ["/a/1.jpg", "/b/1.jpg", "/c/caf\u00e9.jpg", "/d/CAFE\u0301.jpg", "/e/x.jpg/2.jpg", "/f/x.jpg", "/a/1.jpg"]
    found = names_of(names, "/a", "/b", "/c", "/d", "/e", "/f")
    assert len({name.casefold() for name in found}) == len(set(names)) == 6
    assert found[4] == "x.jpg/2.jpg"
    assert found[5].startswith("x-")


def test_the_name_of_a_copy_does_not_depend_on_what_else_is_looked_at_once_it_has_a_digest() -> None:
    both = copy_names(["/a/1.jpg", "/b/1.jpg"], [])
    three = copy_names(["/c/1.jpg", "/b/1.jpg", "/a/1.jpg"], [])
    assert both["/a/1.jpg"] == three["/a/1.jpg"]


def test_a_name_that_is_too_long_is_cut() -> None:
    first, second = names_of([f"http://host/{'x' * 300}1.png", f"http://host/{'x' * 300}2.png"])
    assert first != second
    assert len(first) < 100


def test_a_name_that_is_no_text_has_a_copy() -> None:
    [path] = copy_names(["/a/\udcff.png"], ["/a"]).values()
    assert path == PurePath("\udcff.png.jpg")


def test_copies_of_an_earlier_run_are_no_inputs_unless_they_are_named(tmp_path: Path) -> None:
    picture, copy = str(tmp_path / "a.png"), str(tmp_path / "seen" / "a.png.jpg")
    found = Found([picture, copy], [str(tmp_path)])
    assert outside(found, [str(tmp_path)], tmp_path / "seen", "annotated") == [picture]
    assert outside(found, [str(tmp_path), copy], tmp_path / "seen", "annotated") == [picture, copy]
    assert outside(found, [str(tmp_path)], tmp_path.with_name("else"), "annotated") == [picture, copy]


@pytest.mark.parametrize("where", [".", ".."])
def test_copies_do_not_go_all_over_a_folder_of_pictures(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError, match="take another"):
        outside(Found([], [str(tmp_path)]), [], tmp_path / where, "crops")

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import make_image, picture_file
from visop.search.duplicates import Group
from visop.search.emptiness import Emptiness
from visop.search.empty_groups import left_out_words, without_empty
from visop.search.schema import Picture
from visop.settings import Settings


def picture(folder: Path, name: str, data: bytes, *more: str) -> Picture:
    (folder / name).write_bytes(data)
    names = (str(folder / name), *more)
    return Picture(hashlib.sha256(data).hexdigest(), names, 16, 12, len(data), 1_600_000_000, 1)


def group(*pictures: Picture) -> Group:
    return Group(pictures, 0.99, 0.95, (0.9,) * len(pictures), "")


def names_of(groups: Sequence[Group]) -> list[list[str]]:
    return [[Path(each.names[0]).stem for each in found.pictures] for found in groups]


def test_groups_of_nearly_empty_pictures_are_left_out_and_counted(tmp_path: Path, settings: Settings) -> None:
    black = picture(tmp_path, "black.png", make_image((0, 0, 0)))
    white = picture(tmp_path, "white.png", make_image((255, 255, 255), kind="BMP"))
    red, edited = picture(tmp_path, "red.png", picture_file((90, 9, 9))), picture(tmp_path, "edited.png", b"unreadable")
    kept, left_out = without_empty([group(red, edited), group(black, white)], Emptiness(settings))
    assert (names_of(kept), left_out) == ([["red", "edited"]], 2)
    assert left_out_words(2).startswith("2 nearly empty pictures are left out: ")
    assert left_out_words(1).startswith("1 nearly empty picture is left out: ")


def test_empty_files_with_the_same_bytes_stay_and_so_does_the_rest_of_a_mixed_group(
    tmp_path: Path, settings: Settings
) -> None:
    same = picture(tmp_path, "same.png", make_image((0, 0, 0)), "/elsewhere/same.png")
    white = picture(tmp_path, "white.png", make_image((255, 255, 255)))
    red, dark = (picture(tmp_path, f"{n}.png", picture_file((n, 40, 40))) for n in (90, 50))
    kept, left_out = without_empty([group(red, same, dark), group(white, same), group(same)], Emptiness(settings))
    assert (names_of(kept), left_out) == ([["90", "50"], ["same"], ["same"], ["same"]], 1)
    assert (kept[0].likeness, kept[1].likeness, kept[1].loosest) == ((0.9, 0.9), (1.0,), 1.0)


def test_what_cannot_be_read_is_not_called_empty_and_what_was_measured_is_not_read_again(
    tmp_path: Path, settings: Settings
) -> None:
    emptiness = Emptiness(settings)
    black = picture(tmp_path, "black.png", make_image((0, 0, 0)))
    assert emptiness.of(black) == 0
    (tmp_path / "black.png").unlink()
    assert emptiness.empty_ones([black]) == {black.id}
    assert Emptiness(settings).empty_ones([black]) == frozenset()
    assert emptiness.of_file(b"no picture") is None


def test_a_group_is_looked_at_whole_if_its_likeliest_cannot_be_read(tmp_path: Path, settings: Settings) -> None:
    gone = picture(tmp_path, "gone.png", b"gone")
    black, white = (picture(tmp_path, f"{n}.png", make_image((n, n, n))) for n in (0, 255))
    assert without_empty([group(gone, black, white)], Emptiness(settings)) == ([], 2)

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from opkit.errors import SettingsError
from opkit.training.folders import find_pictures, split


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five sub-folders of four pictures each."""
    for name in "abcde":
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("RGB", (4, 4), (ord(name), number, 0)).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_each_picture_is_its_own_identity(folder: Path) -> None:
    pictures = find_pictures(folder, "pictures")
    assert list(pictures.identities) == list(range(20))
    assert [len(group) for group in pictures.by_identity()] == [1] * 20


def test_or_the_first_folder_below_is_the_identity(folder: Path) -> None:
    (folder / "a" / "deeper").mkdir()
    shutil.move(folder / "a" / "0.png", folder / "a" / "deeper" / "0.png")
    groups = find_pictures(folder, "folders").by_identity()
    assert [{path.relative_to(folder).parts[0] for path in group} for group in groups] == [{x} for x in "abcde"]


def test_a_picture_in_no_folder_has_no_label(folder: Path) -> None:
    shutil.copy(folder / "a" / "0.png", folder / "loose.png")
    (folder / "loose.png").write_bytes((folder / "loose.png").read_bytes() + b"\0")
    with pytest.raises(SettingsError, match="1 pictures lie in no sub-folder"):
        find_pictures(folder, "folders")


def test_copies_of_a_file_are_one_picture(folder: Path) -> None:
    shutil.copy(folder / "a" / "0.png", folder / "b" / "copy.png")
    assert len(find_pictures(folder, "pictures").paths) == 20


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no pictures"):
        find_pictures(tmp_path, "pictures")
    with pytest.raises(SettingsError, match="no such folder"):
        find_pictures(tmp_path / "nowhere", "pictures")


@pytest.mark.parametrize("labels", ["pictures", "folders"])
def test_a_split_shares_no_identity(folder: Path, labels: str) -> None:
    pictures = find_pictures(folder, labels)  # type: ignore[arg-type]
    training, held_out = split(pictures, 0.4, folder)
    assert not set(training.paths) & set(held_out.paths)
    assert sorted([*training.paths, *held_out.paths]) == sorted(pictures.paths)
    if labels == "folders":
        assert not {path.parent for path in training.paths} & {path.parent for path in held_out.paths}
    assert sorted(set(training.identities)) == list(range(max(training.identities) + 1))


def test_what_is_held_out_stays_so_when_the_folder_moves_or_grows(folder: Path, tmp_path: Path) -> None:
    before = {path.name + path.parent.name for path in split(find_pictures(folder, "pictures"), 0.5, folder)[1].paths}
    moved = folder.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    after = {path.name + path.parent.name for path in split(find_pictures(moved, "pictures"), 0.5, moved)[1].paths}
    assert before == after


def test_too_few_identities_are_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="at least 2 are needed on either side"):
        split(find_pictures(folder, "folders"), 0.1, folder)

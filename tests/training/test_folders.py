from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from visop.errors import UsageError
from visop.training.folders import Pictures, digest_names, find_pictures, split


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
    with pytest.raises(UsageError, match=r"1 pictures lie in .* itself"):
        find_pictures(folder, "folders")


def test_copies_of_a_file_are_one_picture(folder: Path) -> None:
    shutil.copy(folder / "a" / "0.png", folder / "b" / "copy.png")
    assert len(find_pictures(folder, "pictures").paths) == 20


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        find_pictures(tmp_path, "pictures")
    with pytest.raises(UsageError, match="no such folder"):
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


def test_what_is_held_out_stays_so_when_the_folder_moves(folder: Path, tmp_path: Path) -> None:
    before = {path.name + path.parent.name for path in split(find_pictures(folder, "pictures"), 0.5, folder)[1].paths}
    moved = folder.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    after = {path.name + path.parent.name for path in split(find_pictures(moved, "pictures"), 0.5, moved)[1].paths}
    assert before == after


def test_what_is_held_out_stays_so_when_the_folder_grows() -> None:
    root = Path("root")
    every = [root / f"{number:05}.jpg" for number in range(3000)]
    before: set[Path] = set()
    for count in (200, 1000, 3000):
        training, held_out = split(Pictures(every[:count], range(count), "pictures"), 0.1, root)
        assert before <= set(held_out.paths)
        assert not before & set(training.paths)
        assert 0.05 * count < len(held_out.paths) < 0.15 * count
        before = set(held_out.paths)


@pytest.mark.parametrize("count", [4, 5, 20])
def test_either_side_has_two_identities_in_the_smallest_folder(count: int) -> None:
    root = Path("root")
    for trial in range(50):
        paths = [root / f"{trial}-{number}.jpg" for number in range(count)]
        for part in split(Pictures(paths, range(count), "pictures"), 2 / count, root):
            assert len(part.paths) >= 2


def test_a_digest_tells_other_names_and_sizes_but_not_where_the_folder_lies(folder: Path, tmp_path: Path) -> None:
    def digest(root: Path) -> str:
        return digest_names(find_pictures(root, "pictures").paths, root)

    before = digest(folder)
    moved = folder.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert digest(moved) == before
    (moved / "a" / "0.png").rename(moved / "a" / "new.png")
    renamed = digest(moved)
    (moved / "a" / "new.png").write_bytes(b"another picture")
    assert len({before, renamed, digest(moved)}) == 3


def test_too_few_identities_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"at least 2 of the .* identities must be held out"):
        split(find_pictures(folder, "folders"), 0.1, folder)

"""What is not kept is moved, whatever it is called, and moved back."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.search.index import Index
from visop.search.moving.copies import Choice, File, Mover, forget
from visop.search.moving.undo_list import move_back
from visop.sources import stored_name

ODD = ["it's.png", "a b\n$(x).png", "-n.png", os.fsdecode(b"caf\xe9.png"), '\u2019quotes".png']


def made(path: Path, content: bytes) -> File:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return File(stored_name(str(path)), hashlib.sha256(content).hexdigest())


def left(mover: Mover) -> dict[str, str]:
    return {Path(file.name).name: why for file, why in mover.moved.left}


def test_odd_names_are_moved_and_moved_back(tmp_path: Path) -> None:
    keep = made(tmp_path / "keep.png", b"keep")
    copies = [made(tmp_path / f"{at}" / name, name.encode(errors="replace")) for at, name in enumerate(ODD)]
    twin = made(tmp_path / "twin" / ODD[0], b"twin")
    moved = Mover(tmp_path / "away").move([Choice([keep], [*copies, twin])])
    assert moved.files == [*copies, twin]
    assert moved.left == []
    assert moved.list is not None
    assert {path.name for path in (tmp_path / "away").iterdir()} == {*ODD, "it's (2).png", moved.list.name}
    (tmp_path / "twin").rmdir()
    back = move_back(moved.list)
    assert len(back.files) == 6
    assert back.left == []
    assert (tmp_path / "twin" / ODD[0]).read_bytes() == b"twin"
    assert [path.name for path in (tmp_path / "away").iterdir()] == [moved.list.name]
    assert move_back(moved.list).files == []  # all of them are back


def test_what_may_not_be_moved_stays_with_the_reason(tmp_path: Path) -> None:
    keep = made(tmp_path / "keep.png", b"keep")
    (tmp_path / "folder-link").symlink_to(tmp_path)
    (tmp_path / "link.png").symlink_to(tmp_path / "keep.png")
    changed = made(tmp_path / "changed.png", b"before")
    (tmp_path / "changed.png").write_bytes(b"after")
    there = made(tmp_path / "away" / "there.png", b"there")
    same = File(str(tmp_path / "folder-link" / "keep.png"), keep.digest)
    link = File(str(tmp_path / "link.png"), keep.digest)
    mover = Mover(tmp_path / "away")
    mover.move([Choice([keep], [changed, there, same, link, File("https://example.org/web.png", "0" * 64)])])
    assert left(mover) == {
        "changed.png": "has changed since it was indexed",
        "there.png": "is in that folder already",
        "keep.png": "is the very file that is kept, by another path",
        "link.png": "is a link to a file, not a file",
        "web.png": "is an address, not a file",
    }
    assert mover.moved.files == []
    assert mover.moved.list is None  # nothing was moved, so there is nothing to move back
    assert (tmp_path / "keep.png").read_bytes() == b"keep"


def test_a_group_of_which_nothing_is_left_to_keep_is_left_alone(tmp_path: Path) -> None:
    keep, copy = made(tmp_path / "keep.png", b"keep"), made(tmp_path / "copy.png", b"copy")
    (tmp_path / "keep.png").write_bytes(b"another")
    mover = Mover(tmp_path / "away")
    mover.move([Choice([keep], [copy])])
    assert left(mover) == {"copy.png": "nothing that is kept of its group can be read now"}


def test_a_dry_run_moves_nothing(tmp_path: Path) -> None:
    keep, copy = made(tmp_path / "keep.png", b"keep"), made(tmp_path / "copy.png", b"copy")
    assert Mover(tmp_path / "away", dry_run=True).move([Choice([keep], [copy])]).files == [copy]
    assert not (tmp_path / "away").exists()


def test_what_is_in_the_place_of_a_file_is_not_replaced_when_it_is_moved_back(tmp_path: Path) -> None:
    keep, copy = made(tmp_path / "keep.png", b"keep"), made(tmp_path / "copy.png", b"copy")
    moved = Mover(tmp_path / "away").move([Choice([keep], [copy])])
    (tmp_path / "copy.png").write_bytes(b"new")
    assert moved.list is not None
    assert [why for _, why in move_back(moved.list).left] == ["something else is there now"]
    assert (tmp_path / "copy.png").read_bytes() == b"new"
    assert (tmp_path / "away" / "copy.png").read_bytes() == b"copy"


def test_a_run_that_was_killed_between_the_list_and_the_move_loses_nothing(tmp_path: Path) -> None:
    keep, copy = made(tmp_path / "keep.png", b"keep"), made(tmp_path / "copy.png", b"copy")
    moved = Mover(tmp_path / "away").move([Choice([keep], [copy])])
    assert moved.list is not None
    (tmp_path / "away" / "copy.png").rename(tmp_path / "copy.png")  # as if it had not been moved
    with moved.list.open("ab") as file:
        file.write(b'{"from": "/torn')
    back = move_back(moved.list)
    assert (back.files, back.left) == ([], [])


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    for name, why in (("notes.txt", "is no list of moved files"), ("none", "there is no such list")):
        with pytest.raises(UsageError, match=why):
            move_back(tmp_path / name)


def test_the_index_forgets_what_was_moved(index: Index, folder: Path) -> None:
    (folder / "again.png").write_bytes((folder / "0.png").read_bytes())
    index.add(folder)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    forget(index.collection, [File(str(folder / name), digests[name]) for name in ("again.png", "1.png")])
    assert index.count() == 9
    kept = index.get(digests["0.png"])
    assert kept is not None
    assert kept.names == (str(folder / "0.png"),)

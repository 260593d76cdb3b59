from __future__ import annotations

import os
from pathlib import Path

from visop.web.bounded_folder import BoundedFolder


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_what_is_kept_is_read_until_it_is_gone(tmp_path: Path) -> None:
    folder = BoundedFolder(tmp_path / "cache", 1000)
    assert folder.read("a/1.webp") is None
    folder.keep("a/1.webp", b"one")
    assert folder.read("a/1.webp") == b"one"
    assert names_in(tmp_path) == {"1.webp"}


def test_a_full_folder_loses_the_oldest_and_never_passes_its_bound(tmp_path: Path) -> None:
    folder = BoundedFolder(tmp_path, 1000)
    for number in range(30):
        folder.keep(f"{number}.webp", bytes(90))
        os.utime(tmp_path / f"{number}.webp", (number, number))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000
    assert names_in(tmp_path) == {f"{number}.webp" for number in range(30 - len(names_in(tmp_path)), 30)}
    assert len(names_in(tmp_path)) >= 10


def test_what_an_earlier_process_left_counts(tmp_path: Path) -> None:
    (tmp_path / "left.part").write_bytes(bytes(5000))
    os.utime(tmp_path / "left.part", (1, 1))
    BoundedFolder(tmp_path, 1000).keep("new.webp", b"new")
    assert names_in(tmp_path) == {"new.webp"}

"""The list of what was moved, from where and to where: it lies beside the files, and moves them back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from visop.errors import UsageError
from visop.journal import Journal
from visop.search.moving.one_file import NotMoved, check_movable, move_file

_PREFIX, _SUFFIX = "moved-", ".jsonl"


@dataclass(frozen=True)
class MovedFile:
    """A file that is about to be moved, or was: paths, and the SHA-256 of its content."""

    source: str
    target: str
    digest: str


@dataclass
class MovedBack:
    """What was moved back.

    Attributes:
        files: that are back where they were.
        left: files that are still where they were moved to, and why.
    """

    files: list[MovedFile] = field(default_factory=list)
    left: list[tuple[MovedFile, str]] = field(default_factory=list)


class UndoList:
    """A context manager. One JSON object a line, in ASCII, so that file names which are no text survive.

    Raises:
        UsageError: it cannot be written, or another process has it open.
    """

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.__exit__()

    def add(self, file: MovedFile) -> None:
        """Write down a file before it is moved, safe against power failure when this returns."""
        self._journal.append({"from": file.source, "to": file.target, "sha256": file.digest})
        self._journal.sync()


def new_list(folder: Path) -> Path:
    """Make an empty list with a name that no other has. Raises OSError if it cannot be made."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        path = folder / f"{_PREFIX}{stamp}{f'-{number}' if number > 1 else ''}{_SUFFIX}"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, os.strerror(17), str(folder))


def is_list_name(name: str) -> bool:
    """Whether this is the name of a list, and no path."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX) and os.path.basename(name) == name


def move_back(path: Path, on_done: Callable[[], object] = lambda: None) -> MovedBack:
    """Move everything back that a list says was moved; may be repeated, and goes on where it was interrupted.

    Nothing is replaced: what has an old name meanwhile stays, and so does the file that was moved.

    Args:
        path: of the list, which stays.
        on_done: called after each file.

    Raises:
        UsageError: this is no such list.
    """
    done = MovedBack()
    for file in reversed(_entries(path)):
        try:
            if _move_back(file):
                done.files.append(file)
        except NotMoved as error:
            done.left.append((file, str(error)))
        on_done()
    return done


def _move_back(file: MovedFile) -> bool:
    """Move a file back; whether it was away."""
    if not os.path.lexists(file.target) and os.path.lexists(file.source):
        return False
    check_movable(file.target, file.digest)
    try:
        os.makedirs(os.path.dirname(file.source), exist_ok=True)
    except OSError as error:
        raise NotMoved(f"its folder cannot be made again: {error.strerror}") from None
    move_file(file.target, file.source, file.digest)
    return True


def _entries(path: Path) -> Sequence[MovedFile]:
    if not path.is_file():
        raise UsageError("undo", path, "there is no such list")
    with Journal(path) as journal:
        try:
            entries = [MovedFile(each["from"], each["to"], each["sha256"]) for each, _ in journal.entries()]
        except (KeyError, TypeError):
            entries = []
    if not entries and path.stat().st_size:
        raise UsageError("undo", path, "is no list of moved files, as moving copies writes it")
    return entries

"""Move what is not kept of groups of copies into one folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visop.errors import UsageError
from visop.search.duplicates import Group
from visop.search.moving.one_file import NotMoved, check_movable, move_file
from visop.search.moving.undo_list import MovedFile, UndoList, new_list
from visop.search.removal import Loss, take_out
from visop.search.store import Collection
from visop.sources import path_of

# Tries to find a free name for a file, such as ``cat (2).jpg``.
_MOST_TRIES = 10_000

# Contents that are looked up at once.
_TOGETHER = 128


@dataclass(frozen=True)
class File:
    """A file of a picture: its name as the index has it, and the SHA-256 of its content."""

    name: str
    digest: str


@dataclass(frozen=True)
class Choice:
    """What is kept of a group of copies, and what is moved away."""

    keep: Sequence[File]
    move: Sequence[File]

    @classmethod
    def of(cls, group: Group) -> Choice:
        """Keep the first name of the first picture, and move everything else."""
        first, *rest = [File(name, picture.id) for picture in group.pictures for name in picture.names]
        return cls([first], rest)


@dataclass
class Moved:
    """What was moved, or would be.

    Attributes:
        files: that were moved.
        left: files that stay where they are, though they are not kept, and why.
        list: by which they are moved back; None if nothing was moved.
    """

    files: list[File] = field(default_factory=list)
    left: list[tuple[File, str]] = field(default_factory=list)
    list: Path | None = None


class Mover:
    """Moves copies into a folder, which is made with the first one, and writes down each before it moves it.

    Args:
        move_to: the folder.
        list_: an earlier list in that folder to go on with; None begins one.
        dry_run: move nothing, and only find out what would be moved.
    """

    def __init__(self, move_to: Path, list_: Path | None = None, *, dry_run: bool = False) -> None:
        self._folder, self._dry_run = Path(os.path.abspath(move_to.expanduser())), dry_run
        self.moved = Moved(list=list_)

    def move(self, choices: Sequence[Choice], on_done: Callable[[], object] = lambda: None) -> Moved:
        """Move what is not kept, group after group. A file that cannot be moved is left, and does not stop the others.

        Args:
            choices: the groups.
            on_done: called after each of them.

        Returns:
            ``self.moved``, which has what was moved also if this is interrupted.

        Raises:
            UsageError: the folder or the list cannot be written.
        """
        for choice in choices:
            self._move(choice)
            on_done()
        return self.moved

    def _move(self, choice: Choice) -> None:
        kept = [path for each in choice.keep if (path := _readable(each)) is not None]
        movable = [found for each in choice.move if (found := self._movable(each, kept)) is not None]
        if not movable or self._dry_run:
            self.moved.files += [file for _, file in movable]
            return
        with self._list() as undo_list:
            for path, file in movable:
                self._move_one(undo_list, path, file)

    def _move_one(self, undo_list: UndoList, path: str, file: File) -> None:
        target = self._free(path)
        undo_list.add(MovedFile(path, target, file.digest))
        try:
            move_file(path, target, file.digest)
            self.moved.files.append(file)
        except NotMoved as error:
            self.moved.left.append((file, str(error)))

    def _movable(self, file: File, kept: Sequence[str]) -> tuple[str, File] | None:
        """The path of a file that may be moved; notes why if it may not."""
        try:
            path = path_of(file.name)
            if path is None:
                raise NotMoved("is an address, not a file")
            if not kept:
                raise NotMoved("nothing that is kept of its group can be read now")
            check_movable(path, file.digest)
            if any(os.path.samefile(path, each) for each in kept):
                raise NotMoved("is the very file that is kept, by another path")
            if Path(os.path.realpath(path)).parent == Path(os.path.realpath(self._folder)):
                raise NotMoved("is in that folder already")
        except NotMoved as error:
            self.moved.left.append((file, str(error)))
            return None
        return path, file

    def _list(self) -> UndoList:
        if self.moved.list is None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self.moved.list = new_list(self._folder)
            except OSError as error:
                raise UsageError("move_to", self._folder, f"cannot be written: {error.strerror}") from None
        return UndoList(self.moved.list)

    def _free(self, path: str) -> str:
        """A path in the folder that nothing has: the name of the file, with a number if need be."""
        stem, suffix = os.path.splitext(os.path.basename(path))
        names = (f"{stem} ({number}){suffix}" if number > 1 else stem + suffix for number in range(1, _MOST_TRIES))
        paths = (str(self._folder / name) for name in names)
        return next(each for each in paths if not os.path.lexists(each))


def forget(collection: Collection, files: Sequence[File]) -> None:
    """Take the names of files that were moved away out of an index, and pictures with none left."""
    names: dict[str, set[str]] = {}
    for file in files:
        names.setdefault(file.digest, set()).add(file.name)
    for start in range(0, len(names), _TOGETHER):
        known = collection.known(list(names)[start : start + _TOGETHER])
        take_out(collection, [Loss(picture, frozenset(names[id_])) for id_, picture in known.items()])


def _readable(file: File) -> str | None:
    """The path of a file that is there with the content that it had when it was indexed."""
    path = path_of(file.name)
    try:
        if path is not None:
            check_movable(os.path.realpath(path), file.digest)
    except NotMoved:
        return None
    return path

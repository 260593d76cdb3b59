"""Copies as the routes offer them: the groups that were found, and moving them away and back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visop.errors import NotAllowed, NotFound, UsageError
from visop.search.duplicates import Group
from visop.search.index import Index
from visop.search.moving.copies import Choice, File, Mover, forget
from visop.search.moving.undo_list import is_list_name, move_back
from visop.sources import stored_name
from visop.web.duplicate_messages import CopyGroup, DuplicatesReply, GroupChoice, LeftFile, MoveReply, MoveRequest
from visop.web.duplicate_search import DuplicateSearch
from visop.web.removals import Removals
from visop.web.store_errors import safe_errors

logger = logging.getLogger("visop.web")


@dataclass(frozen=True)
class Duplicates:
    """The copies of one index over HTTP. May be used from several threads.

    Attributes:
        index: where the names of moved files are taken out.
        search: finds the groups.
        removals: remembers the vectors of what leaves the index.
        move_to: the folder that copies are moved into; None moves nothing.
        may_write: whether callers may change the index at all.
        whole_names: whether answers tell folders.
    """

    index: Index
    search: DuplicateSearch
    removals: Removals
    move_to: Path | None
    may_write: bool
    whole_names: bool
    _moving: threading.Lock = field(default_factory=threading.Lock)

    @property
    def can_move(self) -> bool:
        """Whether files may be moved: by those who may write and are told folders, if there is a folder for it."""
        return self.move_to is not None and self.may_write and self.whole_names

    def check_move(self) -> None:
        """Raise NotAllowed if nothing may be moved here."""
        if not self.can_move:
            raise NotAllowed(
                "files are not moved here: that is for callers on this machine, where pictures may be uploaded and the "
                "server was started with a folder for it"
            )

    def begin(self) -> DuplicatesReply:
        """Begin to look for copies. Raises NotAllowed where strangers could keep the machine busy with it."""
        if not (self.whole_names or self.may_write):
            raise NotAllowed("copies are looked for only by those who may also change the index")
        self.search.begin()
        return self.reply(0, 0)

    def reply(self, limit: int, offset: int) -> DuplicatesReply:
        """How far the search is, and some of the groups."""
        found = self.search.found()
        some = found.groups[offset : offset + limit]
        return DuplicatesReply(
            state=found.state,
            done=found.done,
            total=found.total,
            message=found.message,
            rule=found.rule,
            count=len(found.groups),
            groups=[CopyGroup.of(group, whole_names=self.whole_names) for group in some],
            whole_names=self.whole_names,
            move_to=str(self.move_to) if self.can_move else None,
        )

    def move(self, request: MoveRequest) -> MoveReply:
        """Move what is not kept, and take it out of the index.

        Raises:
            NotAllowed: nothing may be moved here.
            UsageError: a file is of no group that was found, or the folder cannot be written.
            NotFound: there is no such list.
        """
        self.check_move()
        assert self.move_to is not None  # noqa: S101 - for the type checker
        choices = _choices(request.groups, self.search.found().groups)
        with self._moving:
            mover = Mover(self.move_to, self._list(request.undo_list) if request.undo_list else None)
            with safe_errors():
                self.removals.remember(sorted({file.digest for choice in choices for file in choice.move}))
            try:
                moved = mover.move(choices)
            finally:
                self._forget(mover.moved.files)
        logger.info("moved away: %d copies, %d left", len(moved.files), len(moved.left))
        left = [LeftFile(name=file.name, reason=why) for file, why in moved.left]
        name = moved.list.name if moved.list else ""
        return MoveReply(moved=[file.name for file in moved.files], left=left, undo_list=name)

    def undo(self, name: str) -> MoveReply:
        """Move back what a list says; may be repeated.

        Raises:
            NotAllowed: nothing may be moved here.
            NotFound: there is no such list.
        """
        self.check_move()
        with self._moving:
            done = move_back(self._list(name))
            names: dict[str, set[str]] = {}
            for file in done.files:
                names.setdefault(file.digest, set()).add(stored_name(file.source))
            self.removals.put_back_names(names)
            back = sorted(name for some in names.values() for name in some)
            self.search.show(back)
        logger.info("moved back: %d copies, %d left", len(done.files), len(done.left))
        left = [LeftFile(name=stored_name(file.target), reason=why) for file, why in done.left]
        return MoveReply(moved=back, left=left, undo_list=name)

    def _forget(self, files: Sequence[File]) -> None:
        with safe_errors():
            forget(self.index.collection, files)
        self.search.hide(file.name for file in files)

    def _list(self, name: str) -> Path:
        path = (self.move_to or Path()) / name
        if not (is_list_name(name) and path.is_file()):
            raise NotFound("there is no such list of moved files")
        return path


def _choices(asked: Sequence[GroupChoice], groups: Sequence[Group]) -> list[Choice]:
    """Only what was found to be copies of each other can be moved. Raises UsageError for anything else."""
    known = {
        name: (number, File(name, picture.id))
        for number, group in enumerate(groups)
        for picture in group.pictures
        for name in picture.names
    }
    choices = []
    for place, each in enumerate(asked):
        found = [known.get(name) for name in (*each.keep, *each.move)]
        if None in found or len({number for number, _ in filter(None, found)}) != 1:
            raise UsageError(
                f"groups[{place}]", "", "its files are not of one group that was found; look for copies again"
            )
        if set(each.keep) & set(each.move):
            raise UsageError(f"groups[{place}]", "", "a file cannot be kept and moved")
        choices.append(Choice([known[name][1] for name in each.keep], [known[name][1] for name in each.move]))
    return choices

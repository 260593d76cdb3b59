"""Notices what is added, changed, renamed and deleted in folders while the server runs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import watchfiles

from visop.errors import UsageError
from visop.sources import DEFAULT_OPTIONS, FindOptions, find_inputs, is_picture
from visop.sources.tables import TABLES
from visop.web.batch import Batch
from visop.web.quiet import QuietPaths

logger = logging.getLogger("visop.web")

# What watchfiles raises beside OSError: its own error of the Rust part is a RuntimeError.
_ERRORS = (OSError, RuntimeError)

# It reports paths as text, and stops at a name that is none.
_NO_TEXT = "decode path"

_ADVICE = "on Linux, raise fs.inotify.max_user_watches (sysctl), or start without watching"


@dataclass(frozen=True)
class WatchTimes:
    """In seconds.

    Attributes:
        quiet: a file has not changed for so long before it is read.
        look: between two looks at what was reported, and at the folders themselves.
        poll: between two looks at all files, where the system does not report changes.
        pause: before watching is tried again after an error.
    """

    quiet: float = 1.5
    look: float = 0.5
    poll: float = 20.0
    pause: float = 20.0


class Watch:
    """Says what there is to do: everything at first, then what changes.

    A change is not missed while earlier ones are dealt with. Everything is looked at again when changes may have been
    missed: a folder was away and is back, such as a disk, or the system could not report changes for a while.

    Args:
        inputs: as ``Index.add`` takes them; the folders among them are watched.
        ignored: absolute paths below them that are of no interest, such as the store.
        stopping: ends it.
        times: how long is waited for what.
        options: how pictures are looked for.
        polling: whether to look at all files from the start instead of having changes reported.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        ignored: Sequence[str],
        stopping: threading.Event,
        times: WatchTimes = WatchTimes(),
        *,
        options: FindOptions = DEFAULT_OPTIONS,
        polling: bool = False,
    ) -> None:
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it would log every change
        self._inputs, self._stopping, self._times, self._is_polling = inputs, stopping, times, polling
        self._folders = [os.path.abspath(each) for each in inputs if os.path.isdir(each)]
        self._ignored = tuple(ignored)
        self._options, self._excluded = options, options.excluded()
        self._quiet = QuietPaths(times.quiet)

    def batches(self) -> Iterator[Batch]:
        """Yield what there is to do, until ``stopping`` is set."""
        while not self._stopping.is_set():
            try:
                yield from self._watch([each for each in self._folders if os.path.isdir(each)])
            except _ERRORS as error:
                was_polling = self._is_polling
                self._tell(error)
                self._stopping.wait(self._times.pause if was_polling else self._times.look)

    def _watch(self, folders: Sequence[str]) -> Iterator[Batch]:
        """Watch folders until something happens to one of them as a whole."""
        if not folders:
            self._stopping.wait(self._times.pause)
            return
        there = self._identities()
        for number, changes in enumerate(self._reported(folders)):
            if number == 0:  # changes are reported from here on
                yield self._everything()
            if self._identities() != there:
                logger.warning("a folder that is watched went away, came back or was exchanged; looking at all again")
                return
            self._quiet.note(path for change, path in changes if self._concerns(change, path))
            if batch := self._quiet_batch():
                yield batch

    def _reported(self, folders: Sequence[str]) -> Iterator[set[watchfiles.main.FileChange]]:
        return watchfiles.watch(
            *folders,
            watch_filter=None,
            stop_event=self._stopping,
            rust_timeout=int(self._times.look * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=self._is_polling or None,
            poll_delay_ms=int(self._times.poll * 1000),
            ignore_permission_denied=True,
        )

    def _everything(self) -> Batch:
        there = [each for each in self._inputs if "://" in each or os.path.exists(each)]
        return Batch(there, self._options, prune=any(map(os.path.isdir, there)), is_last=True)

    def _quiet_batch(self) -> Batch | None:
        ready = self._quiet.take()
        folders = {path for path in ready if os.path.isdir(path)}
        # A folder that came with files in it is reported without them; they may still be written.
        for folder in folders:
            self._quiet.note(self._pictures_below(folder))
        changed = [path for path in ready if path not in folders]
        files = [path for path in changed if os.path.isfile(path) and is_picture(path) and not _is_list(path)]
        return Batch(files, self._options, changed=changed, is_last=True) if changed else None

    def _pictures_below(self, folder: str) -> Iterator[str]:
        with suppress(UsageError):  # it is gone again
            names = find_inputs([folder], self._options, keep_unreadable=True).names
            yield from (name for name in names if not os.path.isdir(name))

    def _concerns(self, change: watchfiles.Change, path: str) -> bool:
        """Whether a change can matter: a file of pictures, a folder that came, or whatever is gone."""
        if path.startswith(self._ignored) or self._is_left_out(path):
            return False
        if os.path.isdir(path):
            return change is watchfiles.Change.added
        return change is watchfiles.Change.deleted or is_picture(path)

    def _is_left_out(self, path: str) -> bool:
        roots = [folder for folder in self._folders if path.startswith(os.path.join(folder, ""))]
        return bool(roots) and all(self._is_left_out_of(root, path) for root in roots)

    def _is_left_out_of(self, root: str, path: str) -> bool:
        is_linked = not self._options.follow_links and _is_through_link(root, path)
        return is_linked or self._excluded.leaves_out_path(path, root)

    def _identities(self) -> list[tuple[int, int] | None]:
        """What each folder is: another disk in its place is another folder."""
        return [_identity(folder) for folder in self._folders]

    def _tell(self, error: Exception) -> None:
        if _NO_TEXT in str(error):
            logger.info("a change of a file whose name is no text; looking at all again")
        elif not self._is_polling:
            self._is_polling = True
            again = f"looking at all files every {self._times.poll:g} s instead"
            logger.warning(
                "the system cannot report changes in the folders: %s; %s. To mend it: %s", error, again, _ADVICE
            )
        else:
            logger.warning("the folders cannot be watched: %s; trying again", error)


def _is_list(path: str) -> bool:
    """Whether ``Index.add`` would read a file as a list; a picture of such a name comes in at the next start."""
    return path.lower().endswith((".txt", *TABLES))


def _is_through_link(root: str, path: str) -> bool:
    """Whether a folder on the way from the root down to a file is a link; such folders are watched, too."""
    place = os.path.relpath(os.path.dirname(path), root)
    return os.path.realpath(os.path.join(root, place)) != os.path.normpath(os.path.join(os.path.realpath(root), place))


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        facts = os.stat(folder)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino

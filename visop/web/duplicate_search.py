"""The search for copies among all pictures of an index: a thread that begins when somebody asks, and its result."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from visop.errors import NotAllowed, ShuttingDown, VisopError
from visop.search.duplicates import FewFalsePairs, Group, find_duplicates, rule_of, with_originals
from visop.search.emptiness import Emptiness
from visop.search.empty_groups import left_out_words, without_empty
from visop.search.index import Index
from visop.settings import Settings
from visop.web.store_errors import safe_errors

logger = logging.getLogger("visop.web")

_STOP_S = 10.0

# All vectors are in memory meanwhile, and time grows with the square of the count: a few minutes for so many.
_MOST_PICTURES = 100_000

# The most certain groups that are kept.
_MOST_GROUPS = 10_000


@dataclass(frozen=True)
class Found:
    """How far a search is, and what it found.

    Attributes:
        state: ``idle`` before the first one.
        done: pictures that were compared, and groups of which the files were looked at.
        total: of both, as far as is known.
        message: why it failed.
        rule: by which pictures are copies, in words.
        groups: the most certain first, each with the picture to keep first.
    """

    state: Literal["idle", "running", "done", "failed"] = "idle"
    done: int = 0
    total: int = 0
    message: str = ""
    rule: str = ""
    groups: Sequence[Group] = ()


class DuplicateSearch:
    """A context manager; may be used from several threads. At most one search runs at a time.

    Args:
        index: whose pictures are compared.
        threshold: how copies are told from others.
        settings: what a file may have that is looked at.
    """

    def __init__(
        self, index: Index, threshold: float | FewFalsePairs, settings: Settings, *, most_pictures: int = _MOST_PICTURES
    ) -> None:
        self._index, self._threshold, self._settings, self._most = index, threshold, settings, most_pictures
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._found = Found()
        self._moved: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(_STOP_S)

    def begin(self) -> None:
        """Begin a search, unless one is running.

        Raises:
            NotAllowed: the index is too large to be compared here.
        """
        with safe_errors():
            count = self._index.count()
        if count > self._most:
            raise NotAllowed(f"the index has {count:,} pictures, and at most {self._most:,} are compared over HTTP")
        with self._lock:
            if self._found.state == "running":
                return
            self._found = Found("running", total=count, rule=rule_of(self._threshold, count))
            self._moved.clear()
            self._thread = threading.Thread(target=self._run, name="visop-duplicates", daemon=True)
            self._thread.start()

    def found(self) -> Found:
        """What is known now, without the files that were moved away since."""
        with self._lock:
            moved, found = frozenset(self._moved), self._found
        return replace(found, groups=list(without(found.groups, moved))) if moved else found

    def hide(self, names: Iterable[str]) -> None:
        """Leave these files out from now on: they were moved away."""
        with self._lock:
            self._moved.update(names)

    def show(self, names: Iterable[str]) -> None:
        """Show these files again: they were moved back."""
        with self._lock:
            self._moved.difference_update(names)

    def _run(self) -> None:
        try:
            with safe_errors():
                groups = find_duplicates(self._index.collection, self._threshold, self._advance)
            self._update(total=self._found.done + 2 * len(groups))
            groups, left_out = without_empty(groups, Emptiness(self._settings), self._advance)
            if left_out:
                self._update(rule=f"{self._found.rule}; {left_out_words(left_out)}")
            groups = groups[:_MOST_GROUPS]
            self._update(total=self._found.done + len(groups))
            self._update(groups=list(self._looked_at(groups)), state="done")
            logger.info("looked for copies: %d groups", len(groups))
        except ShuttingDown:
            self._update(state="idle")
        except VisopError as error:
            self._update(state="failed", message=str(error))
        except Exception:
            logger.exception("the search for copies stopped")
            self._update(state="failed", message="internal error; the log says more")

    def _looked_at(self, groups: Sequence[Group]) -> Iterator[Group]:
        for group in groups:
            yield from with_originals([group], self._settings)
            self._advance(1)

    def _advance(self, count: int) -> None:
        if self._stopping.is_set():
            raise ShuttingDown("the server is shutting down")
        self._update(done=self._found.done + count)

    def _update(self, **changes: object) -> None:
        with self._lock:
            self._found = replace(self._found, **changes)  # type: ignore[arg-type]  # its own fields


def without(groups: Sequence[Group], names: Collection[str]) -> Iterator[Group]:
    """The groups without some files, as far as two are left of them."""
    for group in groups:
        left = [replace(each, names=tuple(name for name in each.names if name not in names)) for each in group.pictures]
        if sum(len(picture.names) for picture in left) > 1:
            places = [place for place, picture in enumerate(left) if picture.names]
            pictures = tuple(left[place] for place in places)
            yield replace(group, pictures=pictures, likeness=tuple(group.likeness[place] for place in places))

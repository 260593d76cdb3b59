"""Take pictures out of an index by name, folder, id or filter, with the copies that it kept. Files are left alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from visop.errors import UsageError
from visop.search.originals.keeping import leaving
from visop.search.schema import Picture, Row
from visop.search.store import Collection
from visop.sources import is_url, path_of

# Contents that are looked up and taken out in one step, so that others who write wait no longer than that.
_TOGETHER = 256


@dataclass(frozen=True)
class Loss:
    """What one content loses.

    Attributes:
        picture: the content, as it was.
        names: those that it loses; all of them take it out of the index.
    """

    picture: Picture
    names: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Whether no name is left."""
        return self.names.issuperset(self.picture.names)


@dataclass(frozen=True)
class Removed:
    """What ``Index.remove`` took out.

    Attributes:
        pictures: contents that left the index, as they were.
        names: that were taken from contents which stay, because they have other names.
        missing: names, folders and ids, as they were given, that matched nothing.
    """

    pictures: Sequence[Picture]
    names: Sequence[str]
    missing: Sequence[str]

    @property
    def originals(self) -> int:
        """How many of the pictures had a copy that the index kept, and that went with them."""
        return sum(bool(picture.kept) for picture in self.pictures)


@dataclass
class _Wanted:
    """What is to be removed, each in the form in which the index can be asked for it -> as it was given."""

    names: dict[str, str]
    folders: dict[str, str]
    ids: Sequence[str]
    filter: str
    matched: set[str] = field(default_factory=set)

    def names_of(self, picture: Picture) -> frozenset[str]:
        """The names of a content that are meant by name or folder; notes what they were matched by."""
        lost: set[str] = set()
        for name in picture.names:
            place = _place_of(name)
            hits = [self.names[place]] if place in self.names else []
            hits += [given for start, given in self.folders.items() if place.startswith(start)]
            if hits:
                lost.add(name)
                self.matched.update(hits)
        return frozenset(lost)

    @property
    def missing(self) -> list[str]:
        """What matched nothing so far, as it was given, each once."""
        given = dict.fromkeys([*self.names.values(), *self.folders.values(), *self.ids])
        return [each for each in given if each not in self.matched]


def remove(
    collection: Collection,
    *,
    names: Sequence[str] = (),
    folders: Sequence[str] = (),
    ids: Sequence[str] = (),
    filter: str = "",  # noqa: A002 - as all call it
    dry_run: bool = False,
) -> Removed:
    """Do as ``Index.remove`` does, with text in place of paths."""
    if not (names or folders or ids or filter.strip()):
        raise UsageError("", "", "nothing is named that should be removed: give names, folders, ids or a filter")
    wanted = _Wanted(
        {_place_of(_stored(each, "names")): each for each in names},
        {_start_of(_stored(each, "folders")): each for each in folders},
        ids,
        filter.strip(),
    )
    losses = _find(collection, wanted)
    if not dry_run:
        take_out(collection, losses)
    return Removed(
        [loss.picture for loss in losses if loss.is_whole],
        sorted(name for loss in losses if not loss.is_whole for name in loss.names),
        wanted.missing,
    )


def take_out(collection: Collection, losses: Sequence[Loss]) -> int:
    """Take names from contents, and delete those that have none left.

    Names that came for a content since it was looked up are kept, and the content with them.

    Returns:
        How many contents were deleted.
    """
    steps = range(0, len(losses), _TOGETHER)
    return sum(_take_out(collection, losses[start : start + _TOGETHER]) for start in steps)


def _take_out(collection: Collection, losses: Sequence[Loss]) -> int:
    lost = {loss.picture.id: loss.names for loss in losses}
    with collection.changing:
        known = collection.known(list(lost))
        left = {id_: tuple(name for name in known[id_].names if name not in lost[id_]) for id_ in known}
        gone = [id_ for id_, names in left.items() if not names]
        with leaving([known[id_] for id_ in gone]):
            collection.delete(gone)
        if stay := [id_ for id_, names in left.items() if names]:
            collection.upsert([_with_names(row, left[row.picture.id]) for row in collection.rows(stay)])
    return len(gone)


def _find(collection: Collection, wanted: _Wanted) -> list[Loss]:
    """Find every content that is meant, once, in the order of their ids."""
    losses: dict[str, Loss] = {}
    for picture in _by_id(collection, wanted):
        losses[picture.id] = Loss(picture, frozenset(picture.names))
    if wanted.names or wanted.folders:
        for page in collection.pictures():
            for picture in page:
                if (lost := wanted.names_of(picture)) and picture.id not in losses:
                    losses[picture.id] = Loss(picture, lost)
    return [losses[id_] for id_ in sorted(losses)]


def _by_id(collection: Collection, wanted: _Wanted) -> Iterator[Picture]:
    """Yield the contents that are meant by id or filter."""
    for start in range(0, len(wanted.ids), _TOGETHER):
        known = collection.known(wanted.ids[start : start + _TOGETHER])
        wanted.matched.update(known)
        yield from known.values()
    if wanted.filter:
        for page in collection.pictures(expression=wanted.filter):
            yield from page


def _stored(given: str, field_: str) -> str:
    """Give a name or folder the form in which an index keeps it: an absolute path or an address."""
    if not given.strip():
        raise UsageError(field_, "", "an empty name is none")
    return given if is_url(given) else os.path.abspath(os.path.expanduser(path_of(given) or given))


def _place_of(name: str) -> str:
    """Return the path or the address that a name stands for: a path that is no text has the form of a URL."""
    return path_of(name) or name


def _start_of(folder: str) -> str:
    """Return what every name below a folder begins with."""
    return folder.rstrip("/") + "/"


def _with_names(row: Row, names: tuple[str, ...]) -> Row:
    return replace(row, picture=replace(row.picture, names=names))

"""Groups of pictures that are copies of each other: neighbours above a threshold, and their neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from opkit.search.collection import Collection
from opkit.search.schema import Picture, Row
from opkit.search.verdict import cosine_of

# Neighbours that are asked for at first; one with more copies than that is asked about again.
_NEIGHBOURS = 16
_MOST_NEIGHBOURS = 16384

# Queries at once. Milvus Lite compares all of them with all vectors of a segment in one array.
_QUERIES = 16


@dataclass(frozen=True)
class Group:
    """Pictures that are linked by copies.

    Attributes:
        pictures: the largest first, which is the one to keep, more often than not.
        closest: the highest cosine between two of them; 1 if the group is one content under several names.
        loosest: the lowest cosine that links one to the rest.
    """

    pictures: tuple[Picture, ...]
    closest: float
    loosest: float


@dataclass(frozen=True)
class _Link:
    first: str
    second: str
    cosine: float


class _Sets:
    """Disjoint sets of ids (union by halving paths; Tarjan and van Leeuwen 1984), of linked ones only."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def root(self, member: str) -> str:
        parents = self._parents
        parents.setdefault(member, member)
        while parents[member] != member:
            parents[member] = member = parents[parents[member]]
        return member

    def join(self, first: str, second: str) -> bool:
        """Make one set of two; False if they were one."""
        a, b = self.root(first), self.root(second)
        self._parents[max(a, b)] = min(a, b)
        return a != b

    def groups(self) -> list[list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for member in self._parents:
            found[self.root(member)].append(member)
        return list(found.values())


def find_duplicates(
    collection: Collection, threshold: float, on_done: Callable[[int], object] = lambda _: None
) -> list[Group]:
    """All groups, the largest first.

    Args:
        collection: the index; memory grows with the copies in it, not with its size.
        threshold: the cosine from which on two pictures are copies.
        on_done: called with how many pictures were looked at since.
    """
    sets = _Sets()
    best: dict[str, float] = {}
    worst: dict[str, float] = {}
    for page in collection.all_rows():
        for rows in _batches(page):
            for link in _links(collection, rows, threshold):
                best[link.first] = max(best.get(link.first, -1.0), link.cosine)
                if sets.join(link.first, link.second):
                    worst[link.first] = min(worst.get(link.first, 2.0), link.cosine)
            on_done(len(rows))
    return sorted(_made(collection, sets, best, worst), key=_size, reverse=True)


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while batch := list(islice(source, _QUERIES)):
        yield batch


def _links(collection: Collection, rows: Sequence[Row], threshold: float) -> Iterator[_Link]:
    """From each picture to its copies, and to itself where the same content has several names."""
    for row, neighbours in zip(rows, _copies(collection, rows, threshold), strict=True):
        if len(row.picture.names) > 1:
            yield _Link(row.picture.id, row.picture.id, 1.0)
        for id_, cosine in neighbours.items():
            if id_ != row.picture.id:
                yield _Link(row.picture.id, id_, cosine)


def _copies(collection: Collection, rows: Sequence[Row], threshold: float) -> list[dict[str, float]]:
    """The copies of each picture with their cosines: those with more than were asked for are asked about again."""
    found: list[dict[str, float]] = [{} for _ in rows]
    asked, k = list(range(len(rows))), _NEIGHBOURS
    while asked:
        answers = collection.neighbours([rows[number].vector for number in asked], k)
        for number, answer in zip(asked, answers, strict=True):
            cosines = {id_: cosine_of(score, collection.origin.metric_type) for id_, score in answer}
            found[number] = {id_: cosine for id_, cosine in cosines.items() if cosine >= threshold}
        asked = [number for number in asked if len(found[number]) == k < _MOST_NEIGHBOURS]
        k = min(8 * k, _MOST_NEIGHBOURS)
    return found


def _made(collection: Collection, sets: _Sets, best: dict[str, float], worst: dict[str, float]) -> Iterator[Group]:
    for ids in sets.groups():
        pictures = collection.known(ids).values()
        if sum(len(picture.names) for picture in pictures) > 1:
            yield Group(
                pictures=tuple(sorted(pictures, key=_worth, reverse=True)),
                closest=max((best[id_] for id_ in ids if id_ in best), default=1.0),
                loosest=min((worst[id_] for id_ in ids if id_ in worst), default=1.0),
            )


def _worth(picture: Picture) -> tuple[int, int, str]:
    return picture.width * picture.height, picture.bytes, picture.id


def _size(group: Group) -> tuple[int, float]:
    return sum(len(picture.names) for picture in group.pictures), group.closest

"""Find the groups of pictures that are copies of each other: all that cosines above a threshold link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from visop.search.linked import Linked
from visop.search.milvus.collection import Collection
from visop.search.milvus.schema import Picture

# Looked up at once.
_CHUNK = 128


@dataclass(frozen=True)
class Group:
    """Pictures that are linked by copies.

    Attributes:
        pictures: the largest first, which is usually the one to keep.
        closest: the highest cosine between two of them; 1 if a content has several names.
        loosest: of the picture that fits worst, the cosine with the one that is most like it; 1 if the group is one
            content under several names.
    """

    pictures: tuple[Picture, ...]
    closest: float
    loosest: float


def find_duplicates(
    collection: Collection, threshold: float, on_done: Callable[[int], object] = lambda _: None
) -> list[Group]:
    """Return all groups, the largest first.

    Every two vectors are compared, here and not in Milvus, whose index may miss some: see ``Linked`` for what it costs.

    Args:
        collection: the index; its vectors are in memory meanwhile.
        threshold: the cosine from which on two pictures are copies.
        on_done: called with how many pictures were looked at since.
    """
    linked = Linked(threshold)
    ids: list[str] = []
    renamed: set[int] = set()
    for page in collection.all_rows():
        renamed.update(number for number, row in enumerate(page, len(ids)) if len(row.picture.names) > 1)
        ids += [row.picture.id for row in page]
        linked.add(np.stack([row.vector for row in page]))
        on_done(len(page))
    groups = linked.groups()
    groups += [[number] for number in renamed.difference(*groups)]
    return sorted(_made(collection, groups, ids, linked.nearest().tolist()), key=_size, reverse=True)


def _made(
    collection: Collection, groups: Sequence[Sequence[int]], ids: Sequence[str], nearest: Sequence[float]
) -> Iterator[Group]:
    pictures = _pictures(collection, [ids[number] for group in groups for number in group])
    for numbers in groups:
        # Any of them may have been deleted by somebody since.
        members = [pictures[ids[number]] for number in numbers if ids[number] in pictures]
        if sum(len(picture.names) for picture in members) > 1:
            cosines = [nearest[number] for number in numbers] if len(numbers) > 1 else [1.0]
            has_names = any(len(picture.names) > 1 for picture in members)
            yield Group(
                pictures=tuple(sorted(members, key=_worth, reverse=True)),
                closest=1.0 if has_names else max(cosines),
                loosest=min(cosines),
            )


def _pictures(collection: Collection, ids: Sequence[str]) -> dict[str, Picture]:
    found: dict[str, Picture] = {}
    for start in range(0, len(ids), _CHUNK):
        found |= collection.known(ids[start : start + _CHUNK])
    return found


def _worth(picture: Picture) -> tuple[int, int, str]:
    return picture.width * picture.height, picture.bytes, picture.id


def _size(group: Group) -> tuple[int, float]:
    return sum(len(picture.names) for picture in group.pictures), group.closest

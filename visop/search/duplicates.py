"""Find the groups of pictures that are copies of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from visop.errors import UsageError
from visop.search.background import LEAST_PICTURES, Tail, tails_of
from visop.search.linked import Linked
from visop.search.nearest import join_nearest
from visop.search.original import original_first
from visop.search.schema import Picture
from visop.search.stars import stars
from visop.search.store import Collection
from visop.settings import Settings

Floats = npt.NDArray[np.float32]

#: How many pairs of different pictures may be expected among all that are compared.
FALSE_PAIRS = 0.1

# Looked up at once.
_CHUNK = 128

# Vectors that are compared with all before them at once.
_BLOCK = 2000

# In float32 the product of a unit vector with itself may be a little less than 1.
_SAME = 1.0 - 1e-6

# A pair of which each is most like the other may be so much more frequent, since few pairs are such ones. Among 1,660
# edits of 830 pictures that found 75 more (benchmarks/duplicates.py), and mixed two more groups, both of crops of one
# photograph.
_NEAREST = 100

# Calibrations are measured at this rate and above. A rate above it would be for less than a hundred pairs.
_HIGHEST_RATE = 1e-3


@dataclass(frozen=True)
class Group:
    """Pictures that are copies of each other.

    Attributes:
        pictures: the one with most pixels first, or the one to keep, see ``with_originals``.
        closest: the highest cosine between two of them; 1 if a content has several names.
        loosest: of the picture that fits worst, the cosine with the one that is most like it; 1 if the group is one
            content under several names.
        likeness: of each picture, the mean cosine with the others; 1 where there is no other.
        why: what speaks for keeping the first picture; empty if nothing does.
    """

    pictures: tuple[Picture, ...]
    closest: float
    loosest: float
    likeness: tuple[float, ...]
    why: str = ""


@dataclass(frozen=True)
class FewFalsePairs:
    """Choose the threshold of each picture such that few pairs of different pictures are to be expected.

    Attributes:
        expected: among all pairs of the index.
        tail: of the encoder's calibration, for an index with too few pictures to show how alike different ones are;
            None if there is none.
    """

    expected: float = FALSE_PAIRS
    tail: Tail | None = None


@dataclass(frozen=True)
class Thresholds:
    """What the cosine of a pair has to reach, of both of its pictures.

    Attributes:
        any: (N,) float32: for any pair.
        nearest: (N,) float32: for a pair of which each is most like the other; None is the same as ``any``.
    """

    any: Floats
    nearest: Floats | None = None


def find_duplicates(
    collection: Collection, threshold: float | FewFalsePairs, on_done: Callable[[int], object] = lambda _: None
) -> list[Group]:
    """Return all groups, the most certain first.

    Every two vectors are compared, here and not in Milvus, whose index may miss some: see ``Linked`` for what it costs.
    Each group is a star: see ``stars``.

    Args:
        collection: the index; its vectors are in memory meanwhile.
        threshold: the cosine from which on two pictures are copies, or how to choose it.
        on_done: called with how many pictures were looked at since.

    Raises:
        UsageError: no threshold can be chosen: the index is small, and there is no calibration.
    """
    ids, renamed, vectors = _read(collection)
    groups = link_copies(vectors, threshold, on_done)
    groups += [[number] for number in sorted(renamed.difference(*groups))]
    return sorted(_made(collection, groups, vectors, ids), key=_certainty, reverse=True)


def link_copies(
    vectors: Floats, threshold: float | FewFalsePairs, on_done: Callable[[int], object] = lambda _: None
) -> list[list[int]]:
    """Return the groups of vectors, (N, dimension) float32 of unit length, by their numbers. As ``find_duplicates``."""
    needed = _thresholds(threshold, vectors)
    groups = _groups(vectors, needed.any, on_done)
    return groups if needed.nearest is None else join_nearest(vectors, groups, needed.nearest)


def with_originals(groups: Sequence[Group], settings: Settings) -> list[Group]:
    """Put the picture to keep first in every group, and say why; reads the files of the groups."""
    found = []
    for group in groups:
        order, why = original_first(group.pictures, group.likeness, settings)
        pictures = tuple(group.pictures[place] for place in order)
        likeness = tuple(group.likeness[place] for place in order)
        found.append(replace(group, pictures=pictures, likeness=likeness, why=why))
    return found


def rule_of(threshold: float | FewFalsePairs, count: int) -> str:
    """Say by which rule pictures are copies among so many of them."""
    if not isinstance(threshold, FewFalsePairs):
        return f"a cosine of {threshold:.4f} or more"
    pairs = count * (count - 1) // 2
    return f"{threshold.expected:g} false pairs are expected among the {pairs:,} that were compared"


def _read(collection: Collection) -> tuple[list[str], set[int], Floats]:
    """Ids, the numbers of contents with several names, and vectors, (N, dimension) float32 of unit length."""
    ids: list[str] = []
    renamed: set[int] = set()
    pages: list[Floats] = [np.empty((0, collection.operator.dimension), np.float32)]
    for page in collection.all_rows(with_parts=False):
        renamed.update(number for number, row in enumerate(page, len(ids)) if len(row.picture.names) > 1)
        ids += [row.picture.id for row in page]
        pages.append(np.stack([row.vector for row in page]))
    vectors = np.concatenate(pages)
    return ids, renamed, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _thresholds(threshold: float | FewFalsePairs, vectors: Floats) -> Thresholds:
    count = len(vectors)
    if not isinstance(threshold, FewFalsePairs):
        return Thresholds(np.full(count, min(threshold, _SAME), np.float32))
    tail = tails_of(vectors) if count >= LEAST_PICTURES else threshold.tail
    if tail is None:
        why = (
            f"none is known for this encoder, and {count} pictures are too few to learn one from; give one, such as "
            "0.95, or the calibration that `visop evaluate` measured"
        )
        raise UsageError("threshold", "", why)

    def reached_by(pairs: float) -> Floats:
        rate = min(pairs / max(1.0, count * (count - 1) / 2), _HIGHEST_RATE)
        return np.broadcast_to(np.minimum(tail.threshold(rate), np.float32(_SAME)), (count,))

    return Thresholds(reached_by(threshold.expected), reached_by(_NEAREST * threshold.expected))


def _groups(vectors: Floats, thresholds: Floats, on_done: Callable[[int], object]) -> list[list[int]]:
    linked = Linked()
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        linked.add(vectors[block], thresholds[block])
        on_done(len(vectors[block]))
    found: list[list[int]] = []
    for members in linked.groups():
        numbers = np.array(sorted(members))
        found += [numbers[star].tolist() for star in stars(vectors[numbers], thresholds[numbers])]
    return found


def _made(
    collection: Collection, groups: Sequence[Sequence[int]], vectors: Floats, ids: Sequence[str]
) -> Iterator[Group]:
    pictures = _pictures(collection, [ids[number] for group in groups for number in group])
    for numbers in groups:
        # Any of them may have been deleted by somebody since.
        there = [number for number in numbers if ids[number] in pictures]
        members = [pictures[ids[number]] for number in there]
        if sum(len(picture.names) for picture in members) > 1:
            nearest, likeness = _cosines_in(vectors[there])
            has_names = any(len(picture.names) > 1 for picture in members)
            order = sorted(range(len(members)), key=lambda place: _worth(members[place]), reverse=True)
            yield Group(
                pictures=tuple(members[place] for place in order),
                closest=1.0 if has_names else float(nearest.max()),
                loosest=float(nearest.min()),
                likeness=tuple(float(likeness[place]) for place in order),
            )


def _cosines_in(vectors: Floats) -> tuple[Floats, Floats]:
    """(N,) each: the cosine of each vector of a group with the one that is most like it, and the mean of all."""
    nearest, mean = np.ones(len(vectors), np.float32), np.ones(len(vectors), np.float32)
    if len(vectors) > 1:
        for number, vector in enumerate(vectors):
            cosines = vectors @ vector
            mean[number] = (cosines.sum() - cosines[number]) / (len(vectors) - 1)
            cosines[number] = -2
            nearest[number] = cosines.max()
    return nearest.clip(max=1.0), mean.clip(max=1.0)


def _pictures(collection: Collection, ids: Sequence[str]) -> dict[str, Picture]:
    found: dict[str, Picture] = {}
    for start in range(0, len(ids), _CHUNK):
        found |= collection.known(ids[start : start + _CHUNK])
    return found


def _worth(picture: Picture) -> tuple[int, int, str]:
    return picture.width * picture.height, picture.bytes, picture.id


def _certainty(group: Group) -> tuple[float, int]:
    return group.loosest, sum(len(picture.names) for picture in group.pictures)

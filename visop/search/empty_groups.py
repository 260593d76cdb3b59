"""Leave nearly empty pictures out of groups of copies: all of them are alike, whatever is on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from visop.images.emptiness import is_nearly_empty
from visop.search.duplicates import Group
from visop.search.emptiness import Emptiness
from visop.search.schema import Picture

# Groups that are looked at together.
_GROUPS = 64


def without_empty(
    groups: Sequence[Group], emptiness: Emptiness, on_done: Callable[[int], object] = lambda _: None
) -> tuple[list[Group], int]:
    """Return the groups without nearly empty pictures, and how many of them were left out.

    What is byte for byte the same stays: an empty picture with several names becomes a group of its own. Of each group
    the file with the fewest bytes a pixel is read, and the others only if that is nearly empty or cannot be read. The
    cosines of a group stay those of the whole one.

    Args:
        groups: as ``find_duplicates`` returns them.
        emptiness: measures the pictures.
        on_done: called with how many groups were looked at since.
    """
    kept: list[Group] = []
    left_out = 0
    for start in range(0, len(groups), _GROUPS):
        some = groups[start : start + _GROUPS]
        empty = _empty_in(some, emptiness)
        for group in some:
            kept += _parts(group, empty)
            left_out += sum(each.id in empty and len(each.names) == 1 for each in group.pictures)
        on_done(len(some))
    return kept, left_out


def left_out_words(count: int) -> str:
    """Say that pictures were left out, and why."""
    those = "1 nearly empty picture is" if count == 1 else f"{count:,} nearly empty pictures are"
    return f"{those} left out: such pictures are alike, whether copies or not"


def _empty_in(groups: Sequence[Group], emptiness: Emptiness) -> frozenset[str]:
    shares = emptiness.of_all([min(group.pictures, key=_bytes_per_pixel) for group in groups])
    suspected = [
        group for group, marked in zip(groups, shares, strict=True) if marked is None or is_nearly_empty(marked)
    ]
    return emptiness.empty_ones([picture for group in suspected for picture in group.pictures])


def _bytes_per_pixel(picture: Picture) -> float:
    return picture.bytes / max(1, picture.width * picture.height)


def _parts(group: Group, empty: frozenset[str]) -> Iterator[Group]:
    """What is left of a group, and each empty content that has several names."""
    left = [place for place, picture in enumerate(group.pictures) if picture.id not in empty]
    if len(left) == len(group.pictures):
        yield group
        return
    pictures = [group.pictures[place] for place in left]
    if sum(len(picture.names) for picture in pictures) > 1:
        yield replace(group, pictures=tuple(pictures), likeness=tuple(group.likeness[place] for place in left))
    for picture in group.pictures:
        if picture.id in empty and len(picture.names) > 1:
            yield replace(group, pictures=(picture,), closest=1.0, loosest=1.0, likeness=(1.0,))

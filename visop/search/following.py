"""Keep the second collection of an index, which a reindex fills, up to date with the first, which others change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from visop.search.schema import Picture
from visop.search.store import Collection

# A picture has its time when it was encoded, and may be written so much later.
_UNDER_WAY_S = 60


def follow(old: Collection, new: Collection) -> None:
    """Apply to the new collection what changed in the old one: deleted pictures, other names."""
    for page in new.pictures(new.limits.page):
        for chunk in in_chunks(page, new.limits.look_up):
            _follow(old, new, chunk)


def is_complete(old: Collection, new: Collection, since: int, without: Set[str]) -> bool:
    """Whether the new collection has what came into the old one, and nothing that went from it.

    That a content was only renamed does not show here.

    Args:
        old: that others change.
        new: that had everything else before.
        since: when the old one was read; seconds since 1970.
        without: ids of pictures that the new one lacks, because they failed.
    """
    for page in old.pictures(expression=f"added >= {since - _UNDER_WAY_S}"):
        for chunk in in_chunks(page, new.limits.look_up):
            ids = [picture.id for picture in chunk if picture.id not in without]
            if len(new.known(ids)) < len(ids):
                return False
    return new.count() + len(without) == old.count()


def in_chunks(page: Sequence[Picture], size: int) -> Iterator[Sequence[Picture]]:
    """Yield the pictures, so many at a time."""
    return (page[start : start + size] for start in range(0, len(page), size))


def _follow(old: Collection, new: Collection, chunk: Sequence[Picture]) -> None:
    now = old.known([picture.id for picture in chunk])
    if gone := [picture.id for picture in chunk if picture.id not in now]:
        new.delete(gone)
    changed = [picture.id for picture in chunk if now.get(picture.id, picture) != picture]
    if rows := new.rows(changed):
        new.upsert([replace(row, picture=now[row.picture.id]) for row in rows])

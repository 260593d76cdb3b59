"""Give attributes to pictures of an index that are meant by their names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from visop.search.attributes import Attribute
from visop.search.change_attributes import with_attributes
from visop.search.schema import Picture
from visop.search.store import Collection
from visop.sources import is_url, path_of

Attributes = Mapping[str, Attribute]


@dataclass(frozen=True)
class Attributed:
    """What was done.

    Attributes:
        changed: pictures that have other attributes than before.
        missing: names, as they were given, that no picture of the index has.
    """

    changed: int
    missing: list[str]


def set_attributes(collection: Collection, wanted: Mapping[str, Attributes]) -> Attributed:
    """Set attributes; others of a picture stay.

    Args:
        collection: whose pictures are looked through once.
        wanted: path or URL, which may be relative to the working folder -> what the picture is to have.
    """
    places = {_place(name): name for name in wanted}
    matched: set[str] = set()
    changes: dict[str, Attributes] = {}
    for page in collection.pictures():
        for picture in page:
            given = [places[place] for name in picture.names if (place := path_of(name) or name) in places]
            matched.update(given)
            merged = {name: value for each in given for name, value in wanted[each].items()}
            if _differs(picture, merged):
                changes[picture.id] = merged
    _write(collection, changes)
    return Attributed(len(changes), [name for name in wanted if name not in matched])


def _differs(picture: Picture, given: Attributes) -> bool:
    return any(name not in picture.attributes or picture.attributes[name] != given[name] for name in given)


def _write(collection: Collection, changes: Mapping[str, Attributes]) -> None:
    ids, step = list(changes), collection.limits.write
    for start in range(0, len(ids), step):
        with collection.changing:
            rows = collection.rows(ids[start : start + step])
            if rows:
                collection.upsert([with_attributes(row, changes[row.picture.id]) for row in rows])


def _place(name: str) -> str:
    return name if is_url(name) else os.path.abspath(os.path.expanduser(path_of(name) or name))

"""Change the attributes of pictures that are in an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from visop.search.attributes import Attribute, check_attributes, check_names
from visop.search.schema import Picture, Row
from visop.search.store import Collection


def with_attributes(row: Row, changes: Mapping[str, Attribute | None]) -> Row:
    """Return the row with these attributes, beside those that it has; None takes one away."""
    merged = {**row.picture.attributes, **changes}
    kept = {name: value for name, value in merged.items() if value is not None}
    return replace(row, picture=replace(row.picture, attributes=kept))


def change_attributes(collection: Collection, id_: str, changes: Mapping[str, Attribute | None]) -> Picture | None:
    """Change attributes of a picture; None takes one away, and others stay.

    Returns:
        The picture as it is now; None if the index does not have it.

    Raises:
        UsageError: the index has no such attribute, or one of another type; nothing was changed.
    """
    check_names(changes, collection.attributes)
    check_attributes({name: value for name, value in changes.items() if value is not None}, collection.attributes)
    with collection.changing:
        there = next(iter(collection.rows([id_])), None)
        if there is None:
            return None
        row = with_attributes(there, changes)
        if row.picture != there.picture:
            collection.upsert([row])
    return row.picture

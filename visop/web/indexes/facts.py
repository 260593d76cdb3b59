"""What is told of an index."""

from __future__ import annotations

from contextlib import suppress

from visop.errors import NotFound
from visop.part_scheme import spoken_parts
from visop.search.store import Collection
from visop.web.indexes.messages import EncoderFacts, IndexFacts
from visop.web.indexes.registry import Indexes
from visop.web.store_errors import safe_errors


def all_facts(indexes: Indexes) -> list[IndexFacts]:
    """Of all indexes of the store, by name; one that is deleted meanwhile is left out."""
    found = []
    for name in indexes.names():
        with suppress(NotFound):
            found.append(facts_of(indexes, name))
    return found


def facts_of(indexes: Indexes, name: str) -> IndexFacts:
    """Of one index.

    Raises:
        UsageError: this is no name of an index.
        NotFound: there is none of this name.
    """
    collection = indexes.find(name)
    if collection is None:
        raise NotFound(f"there is no index {name}")
    return _facts(indexes, name, collection)


def _facts(indexes: Indexes, name: str, collection: Collection) -> IndexFacts:
    operator = collection.operator
    why_not = indexes.why_not(operator)
    service = None if why_not else indexes.service(name)
    with safe_errors():
        count = service.index.count() if service else None
    return IndexFacts(
        name=name,
        is_default=service is indexes.default,
        searchable=service is not None,
        why_not=why_not or None,
        count=count,
        encoder=EncoderFacts.of(operator),
        parts=spoken_parts(operator.parts),
        attributes=dict(collection.attributes),
        threshold=service.threshold if service else None,
        uploads=service.uploads.allowed if service else False,
    )

"""Search an application: each field by its pictures, and the fields together."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visop.contract import Vector
from visop.errors import UsageError
from visop.http.engine_errors import EngineError
from visop.search.match import cosine_of
from visop.search.ranking import MAX_K
from visop.search.store import Collection
from visop.web.engine.applications import Applications
from visop.web.engine.documents import Facts
from visop.web.engine.entities import Entities
from visop.web.engine.entity_writer import StoredEntity
from visop.web.engine.fields import pictures_of, values_of, weight_of
from visop.web.engine.indexes import FieldIndexes
from visop.web.engine.messages import Search
from visop.web.engine.names import SCORE_MODE
from visop.web.engine.picture import Given, ReadOwn
from visop.web.engine.pipelines import Pipelines
from visop.web.engine.scores import DECAY, Near, Ranking, combined, inner_mode, merged, score_mode
from visop.web.store_errors import safe_errors

# Pictures that are looked for beyond those that are wanted, because some belong to no entity with the wanted values;
# and how many times more if that is not enough.
_MORE, _TIMES = 60, 4

# The whole picture is in the index, too, and the original engine has none of it beside its parts.
_PARTS_ALONE = "part > 0"


@dataclass(frozen=True)
class _Wanted:
    """What is looked for in one field."""

    field: str
    index: str
    given: Given
    mode: str
    weight: float


class Searches:
    """May be used from several threads.

    Args:
        applications: that are searched.
        pipelines: make vectors of what is searched with.
        indexes: have the vectors of the fields.
        entities: have the pictures of the indexes.
        chance: chooses the vector of the mode ``random``.
    """

    def __init__(
        self,
        applications: Applications,
        pipelines: Pipelines,
        indexes: FieldIndexes,
        entities: Entities,
        chance: random.Random | None = None,
    ) -> None:
        self._applications, self._pipelines, self._indexes = applications, pipelines, indexes
        self._entities, self._chance = entities, chance or random.Random()  # noqa: S311 - no secret

    def search(self, application: str, request: Search, deadline: float, read_own: ReadOwn) -> list[StoredEntity]:
        """The entities that are most like what is given, the best first. Arguments are those of ``Entities.upload``.

        Raises:
            NotFound: there is no such application.
            EngineError: a field or a mode does not fit, nothing is found in a picture, or there is nothing to search.
            VisopError: a picture cannot be used, or an operator not be called.
        """
        facts = self._applications.get(application)
        fields = {name: each for name, each in request.fields.items() if name != SCORE_MODE}
        mode = score_mode(request.fields.get(SCORE_MODE) or request.score_mode or "first")
        wanted, values = self._wanted(facts, fields, read_own), values_of(facts["fields"], fields)
        for each in wanted:
            self._check_not_empty(each)
        found: dict[str, StoredEntity] = {}
        rankings = []
        for each in wanted:
            entities = self._in_field(facts, each, values, request.topk, deadline)
            found |= {entity.id: entity for entity in entities}
            rankings.append(Ranking([entity.id for entity in entities], each.weight))
        return [found[id_] for id_ in combined(mode, rankings, request.topk)]

    def _wanted(self, facts: Facts, fields: Mapping[str, Any], read_own: ReadOwn) -> list[_Wanted]:
        found = []
        for name, given in pictures_of(facts["fields"], fields, read_own).items():
            asked = {key: value for key, value in fields[name].items() if value is not None}
            if (decay := asked.get("decay_function", DECAY)) != DECAY:
                raise UsageError(f"fields.{name}.decay_function", str(decay)[:40], f"must be {DECAY}")
            mode = inner_mode(asked.get("inner_field_score_mode", "distance_first"))
            found.append(_Wanted(name, facts["indexes"][name], given, mode, weight_of(name, asked)))
        return found

    def _check_not_empty(self, wanted: _Wanted) -> None:
        with safe_errors():
            count = self._indexes.find(wanted.index).count()
        if not count:
            raise EngineError("NoneVectorError", f"field {wanted.field}: nothing was uploaded yet, so nothing is found")

    def _in_field(
        self, facts: Facts, wanted: _Wanted, values: Mapping[str, Any], topk: int, deadline: float
    ) -> list[StoredEntity]:
        """The entities that one field finds."""
        pipeline = facts["fields"][wanted.field]["value"]
        pictured = self._pipelines.run(pipeline, wanted.given, deadline)
        self._indexes.check(wanted.index, pictured.info, pipeline)
        vectors = pictured.vectors
        chosen = self._chance.randrange(len(vectors))
        if wanted.mode in ("first", "random"):  # the others are not needed
            vectors, chosen = [vectors[chosen if wanted.mode == "random" else 0]], 0
        with safe_errors():
            collection = self._indexes.find(wanted.index).collection
            most = min(MAX_K, max(1, collection.count()))
        k = min(most, topk + _MORE)
        while True:
            pictures = merged(wanted.mode, _hits(collection, vectors, k), chosen)
            entities = [each for each in self._entities.of_pictures(wanted.index, pictures) if each.has(values)]
            if len(entities) >= topk or k == most:
                return entities[:topk]
            k = min(most, _TIMES * k)


def _hits(collection: Collection, vectors: Sequence[Vector], k: int) -> list[list[Near]]:
    """The nearest pictures of each vector."""
    operator = collection.operator
    with safe_errors():
        found = collection.search(vectors, k, _PARTS_ALONE if operator.parts else "")
    return [[(hit.picture.id, cosine_of(hit.score, operator.metric_type)) for hit in hits] for hits in found]

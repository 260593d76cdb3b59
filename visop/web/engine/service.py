"""The interface of the original engine: what its routes stand on, opened and closed together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from visop.errors import Overloaded, VisopError
from visop.search.index import Index
from visop.search.originals.address import NONE
from visop.search.place import file_of
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.part_encoder import AnyOperator
from visop.settings import Settings
from visop.web.engine.applications import Applications
from visop.web.engine.connections import Connections
from visop.web.engine.entities import Entities
from visop.web.engine.indexes import FieldIndexes
from visop.web.engine.operators import Operators
from visop.web.engine.pipelines import Pipelines
from visop.web.engine.running import Runner
from visop.web.engine.searching import Searches
from visop.web.engine.state import EngineDatabase
from visop.web.published import Published

logger = logging.getLogger(__name__)

_STATE, _PICTURES = "engine.sqlite", "pictures"

# Requests that wait for operators. They have threads of requests that need no model, which must not all wait.
_AT_ONCE = 16


@dataclass(frozen=True)
class EngineService:
    """May be used from several threads."""

    operators: Operators
    pipelines: Pipelines
    applications: Applications
    entities: Entities
    searches: Searches
    published: Published
    settings: Settings
    places: threading.BoundedSemaphore

    @contextmanager
    def working(self) -> Iterator[None]:
        """Take a place among the requests that wait for operators. Raises Overloaded if there is none."""
        if not self.places.acquire(blocking=False):
            raise Overloaded(f"{_AT_ONCE} requests wait for operators, which is the limit")
        try:
            yield
        finally:
            self.places.release()


@contextmanager
def open_engine(
    folder: Path,
    index: Index,
    operator: AnyOperator,
    pipeline: AnyPipeline,
    settings: Settings,
    published: Published,
    keep_originals: str = "",
) -> Iterator[EngineService]:
    """Open what was registered before.

    Args:
        folder: has it, and the copies of pictures; made if it is not there.
        index: of the store in which the indexes of applications are.
        operator: of this server.
        pipeline: of that operator.
        settings: limits.
        published: opens the files of pictures.
        keep_originals: a folder or an address for the copies, in place of the folder.

    Raises:
        UsageError: the folder cannot be used.
    """
    base = keep_originals if keep_originals not in ("", NONE) else str(folder / _PICTURES)
    with (
        closing(EngineDatabase(folder / _STATE)) as database,
        Connections(operator, pipeline, settings) as connections,
        FieldIndexes(index, base) as indexes,
    ):
        operators = Operators(database, connections)
        pipelines = Pipelines(database, operators, Runner(connections, settings))
        applications = Applications(database, pipelines, indexes)
        entities = Entities(database, applications, pipelines, indexes)
        _recover(applications, entities)
        searches = Searches(applications, pipelines, indexes, entities)
        places = threading.BoundedSemaphore(_AT_ONCE)
        yield EngineService(operators, pipelines, applications, entities, searches, published, settings, places)


def _recover(applications: Applications, entities: Entities) -> None:
    """Finish what was interrupted; what cannot be done now is done at the next start."""
    for each in (applications, entities):
        try:
            each.recover()
        except VisopError as error:
            logger.warning("what was interrupted is not finished yet: %s", error)


def default_folder(uri: str) -> Path | None:
    """The folder beside the indexes of a URI: ``art.db`` -> ``art-engine``; None if they are not on this machine."""
    path = file_of(uri)
    return path and path.with_name(f"{path.stem}-engine")

"""Open what a service or a worker needs: the database, the pictures, and the operators by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from visop.analyses.context import Context
from visop.analyses.database import Database
from visop.analyses.database_url import folder_beside
from visop.analyses.local import open_local_operator
from visop.analyses.operators import Operators, RunsOperator
from visop.analyses.picture_store import PictureStore
from visop.analyses.pictures import Pictures
from visop.analyses.remote import Remote
from visop.errors import UsageError
from visop.images.decode import ImageLimits
from visop.images.fetching.fetch import Fetcher
from visop.settings import Settings

#: What records call the encoder that is shipped.
EMBEDDED = "embedded"


@dataclass(frozen=True)
class OperatorChoice:
    """An operator that is wanted.

    Attributes:
        name: as records have it.
        target: HOST:PORT, if it runs elsewhere.
        path: ``module:Class``, if it is a class for this process. With neither it is what the settings choose.
    """

    name: str
    target: str = ""
    path: str = ""


@contextmanager
def open_context(
    database: str, pictures_at: str, choices: Sequence[OperatorChoice], settings: Settings
) -> Iterator[Context]:
    """Open everything, with the tables in their newest form, and close it at the end of the block.

    Args:
        database: as ``Database`` takes it.
        pictures_at: as ``PictureStore`` takes it; empty for beside a database that is a file.
        choices: operators; none for what the settings choose, which is the shipped encoder unless they say otherwise.
        settings: limits, and those of operators in this process.

    Raises:
        UsageError: something cannot be used as it was named.
        DatabaseUnavailable: the database does not answer.
        ModelFailed: an operator of this process cannot be loaded.
    """
    with ExitStack() as stack:
        records = stack.enter_context(Database(database))
        records.migrate()
        pictures = Pictures(records, picture_store_of(records, pictures_at), ImageLimits.of(settings))
        stack.callback(pictures.close)
        operators = open_operators(choices, settings)
        stack.callback(operators.close)
        fetcher = stack.enter_context(Fetcher.of(settings))
        yield Context(records, pictures, operators, fetcher, settings)


def open_operators(choices: Sequence[OperatorChoice], settings: Settings) -> Operators:
    """Load the operators of this process, and connect to the others. Raises as ``open_context``."""
    with ExitStack() as stack:
        opened: list[RunsOperator] = []
        for choice in choices or [OperatorChoice(EMBEDDED)]:
            opened.append(_operator(choice, settings))
            stack.callback(opened[-1].close)
        operators = Operators(opened)
        stack.pop_all()
    return operators


def _operator(choice: OperatorChoice, settings: Settings) -> RunsOperator:
    if choice.target:
        return Remote(choice.name, choice.target)
    chosen = replace(settings, operator=choice.path) if choice.path else settings
    return open_local_operator(choice.name, chosen)


def picture_store_of(database: Database, address: str) -> PictureStore:
    """Where pictures are kept; with no address, beside a database that is a file. Raises UsageError if it is none."""
    beside = folder_beside(database.url)
    if not address and beside is None:
        why = "must be named where the database is no file: a folder, s3://bucket/prefix or gs://bucket/prefix"
        raise UsageError("pictures_at", "", why)
    return PictureStore(address or str(beside))

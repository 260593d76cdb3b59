"""Services with the interfaces of the originals, over real operators, and what a client knows of them: their URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.conftest import running
from tests.http.conftest import both_protocols
from tests.toys import ToyOperator, ToyProcessor
from visop.analyses.context import Context
from visop.analyses.database import Database
from visop.analyses.local import open_local_operator
from visop.analyses.operators import Operators, RunsOperator
from visop.analyses.picture_store import PictureStore
from visop.analyses.pictures import Pictures
from visop.analyses.records import Records
from visop.analyses.remote import Remote
from visop.analyses.routes.originals import Original, add_originals
from visop.analyses.routes.originals.kept_analyses import KeptAnalyses
from visop.analyses.submitting import Submitting
from visop.contract import Encoder, Image, Processor
from visop.http.server import HttpServer
from visop.images.decode import ImageLimits
from visop.images.fetching.fetch import Fetcher
from visop.settings import Settings


@dataclass
class Service:
    """One that runs.

    Attributes:
        url: of it, without a slash at its end.
        kept: what it keeps.
    """

    url: str
    kept: KeptAnalyses

    def post(self, path: str, data: bytes, name: str = "x.png", **fields: str) -> requests.Response:
        return requests.post(self.url + path, files={"image": (name, data)}, data=fields, timeout=20)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=20)


class Descriptors(ToyOperator):
    """Two descriptors of one pass: the mean colour, and the same in another order."""

    name = "descriptors"
    dimension = 6
    descriptors = ("MAC", "SPoC")

    def preprocess(self, image: Image) -> np.ndarray:
        return image.reshape(-1, 3).mean(axis=0)

    def infer(self, batch: np.ndarray) -> np.ndarray:
        return np.concatenate([batch, batch[:, ::-1]], axis=1).astype(np.float32)


@contextmanager
def serving(
    folder: Path, operators: list[RunsOperator], *names: Original, database_at: str = "", **changes: object
) -> Iterator[Service]:
    settings = replace(Settings(), **changes)  # type: ignore[arg-type]
    database = Database(database_at or str(folder / "analyses.db"))
    database.migrate()
    pictures = Pictures(database, PictureStore(str(folder / "pictures")), ImageLimits.of(settings))
    context = Context(database, pictures, Operators(operators), Fetcher.of(settings), settings)
    records = Records(database, pictures)
    kept = KeptAnalyses(context, records, Submitting(context, records, lambda: None))
    make = partial(HttpServer, extend=lambda app, endpoint: add_originals(app, endpoint, kept, names))
    with both_protocols(ToyOperator(), make, **changes) as (_, web):
        yield Service(str(web.base_url).rstrip("/"), kept)
    context.close()


@pytest.fixture(scope="module")
def toys() -> Iterator[Callable[[str], RunsOperator]]:
    """Running operators, by the name that a service shall have for them."""
    with ExitStack() as stack:
        kinds: dict[str, Callable[[], Encoder | Processor]] = {
            "colours": ToyProcessor,
            "toy": ToyOperator,
            "descriptors": Descriptors,
        }
        addresses: dict[str, str] = {}

        def found(name: str) -> RunsOperator:
            if name == "regions":
                return open_local_operator(name, Settings(model="regions:5"))
            if name == "extractor":  # a class of the original
                return open_local_operator(name, Settings(operator="tests.adapters.originals:Descriptors"))
            if name not in addresses:
                addresses[name] = stack.enter_context(running(kinds[name]())).address
            return Remote(name, addresses[name])

        yield found


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def module(
    request: pytest.FixtureRequest, toys: Callable[[str], RunsOperator], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """An analysis module, whose module finds what stands on a background, and fails on one that is red."""
    of_server = request.param == "postgresql"
    database_at = request.getfixturevalue("postgresql").new_database() if of_server else ""
    folder = tmp_path_factory.mktemp("module")
    with serving(folder, [toys("colours")], "analysis-module", database_at=database_at) as service:
        yield service

"""Services with the interfaces of the originals, over real operators, and what a client knows of them: their URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.conftest import running
from tests.toys import ToyOperator, ToyProcessor
from visop.analyses.opening import OperatorChoice
from visop.analyses.original_names import Original
from visop.analyses.service import Service, ServiceOptions, http_of, open_service
from visop.contract import Encoder, Image, Processor
from visop.processors.regions import Regions
from visop.settings import Settings

Toys = Callable[[str], OperatorChoice]


@dataclass
class Served:
    """A service that runs.

    Attributes:
        url: of it, without a slash at its end.
        service: what is behind it.
    """

    url: str
    service: Service

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
    folder: Path, operators: list[OperatorChoice], *names: Original, database: str = "", **changes: object
) -> Iterator[Served]:
    settings = replace(Settings(), http_endpoint="127.0.0.1:0", **changes)  # type: ignore[arg-type]
    options = ServiceOptions(
        database or str(folder / "analyses.db"), str(folder / "pictures"), operators, originals=names
    )
    with open_service(options, settings) as service, http_of(service, settings) as address:
        yield Served(f"http://{address}", service)


@pytest.fixture(scope="module")
def toys() -> Iterator[Toys]:
    """Running operators, by the name that a service shall have for them; ``extractor`` is a class of the original."""
    kinds: dict[str, Callable[[], Encoder | Processor]] = {
        "colours": ToyProcessor,
        "toy": ToyOperator,
        "descriptors": Descriptors,
        "regions": lambda: Regions(5),
    }
    found = {"extractor": OperatorChoice("extractor", path="tests.adapters.originals:Descriptors")}
    with ExitStack() as stack:

        def choice(name: str) -> OperatorChoice:
            if name not in found:
                found[name] = OperatorChoice(name, stack.enter_context(running(kinds[name]())).address)
            return found[name]

        yield choice


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def module(request: pytest.FixtureRequest, toys: Toys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An analysis module, whose module finds what stands on a background, and fails on one that is red."""
    database = request.getfixturevalue("postgresql").new_database() if request.param == "postgresql" else ""
    folder = tmp_path_factory.mktemp("module")
    with serving(folder, [toys("colours")], "analysis-module", database=database) as served:
        yield served

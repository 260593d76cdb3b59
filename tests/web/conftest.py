"""A whole site over real Milvus Lite and real HTTP, with an operator that has a vector for every colour."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.search.conftest import write_pictures
from tests.toys import ToyOperator
from visop.http.timeouts import DEFAULT_TIMEOUTS, Timeouts
from visop.serving.pipeline import Pipeline
from visop.serving.server import Server
from visop.settings import Settings
from visop.web.search_server import SearchOptions, open_search

# Of the operator in these tests: neighbouring numbers of tests.search.conftest.colour_of are copies of each other.
THRESHOLD = 0.99999


@dataclass
class Site:
    """A site under test."""

    web: httpx.Client
    folder: Path
    operator: ToyOperator
    settings: Settings

    def status(self) -> dict[str, Any]:
        return self.web.get("/v1/index/status").json()

    def indexed(self) -> dict[str, Any]:
        """The status once indexing has ended; pytest's own limit ends the wait."""
        while (status := self.status())["indexing"]["state"] == "running":
            pass
        return status

    def search(self, **request: Any) -> httpx.Response:
        return self.web.post("/v1/search", json=request)

    def ids(self) -> dict[str, str]:
        """File name -> id."""
        pictures = self.web.get("/v1/pictures?limit=100").json()["pictures"]
        return {name.rpartition("/")[2]: picture["id"] for picture in pictures for name in picture["names"]}


@contextmanager
def open_test_site(
    home: Path,
    pictures: int = 10,
    *,
    options: dict[str, Any] | None = None,
    operator: ToyOperator | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    **changes: Any,
) -> Iterator[Site]:
    """A site over ``pictures`` pictures in ``home / "photos"``, all indexed."""
    if pictures:
        write_pictures(home / "photos", pictures)
    operator = operator or ToyOperator()
    defaults: dict[str, Any] = {
        "uri": str(home / "test.db"),
        "name": "test",
        "pictures": [str(home / "photos")] if pictures else [],
        "uploads": home / "uploads",
        "move_to": home / "moved",
        "calibration": write_calibration(home / "calibration.json"),
    }
    settings = replace(
        Settings(endpoint="127.0.0.1:0", http_endpoint="127.0.0.1:0", fetch_allow=("127.0.0.1",), drain_timeout_s=5),
        **{"cache_dir": home / "cache", "max_image_bytes": 100_000, **changes},
    )
    found = SearchOptions(**defaults | (options or {}))
    with (
        Pipeline(operator, settings) as pipeline,
        open_search(found, settings, operator, pipeline, timeouts=timeouts) as companions,
        Server(operator, pipeline, settings, companions) as server,
        httpx.Client(
            base_url=f"http://127.0.0.1:{server.companion_addresses['http'].rpartition(':')[2]}", timeout=20
        ) as web,
    ):
        site = Site(web, home / "photos", operator, settings)
        try:
            site.indexed()
            yield site
        finally:
            operator.gate.set()


def write_calibration(path: Path) -> Path:
    thresholds = [
        {"fpr": fpr, "similarity": similarity, "recall": 0.9, "fpr_measured": fpr}
        for fpr, similarity in ((1e-3, THRESHOLD), (1e-2, 0.9999))
    ]
    calibration = {"similarity": "cosine", "pairs": 2, "pictures": 2, "data": "toys"}
    calibration |= {"picture_pairs": 1, "thresholds": thresholds}
    path.write_text(json.dumps({"toy": {"fingerprint": ToyOperator.fingerprint, "calibration": calibration}}))
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of a module that leave it as they found it."""
    with open_test_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def start_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start sites with other settings; they stop with the test."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(open_test_site(tmp_path, *args, **kwargs))

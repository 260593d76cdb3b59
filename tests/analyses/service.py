"""A whole service of analyses for tests of its clients: SQLite, a folder of pictures, and a toy that finds colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from visop.analyses.opening import OperatorChoice
from visop.analyses.service import ServiceOptions, http_of, open_service
from visop.settings import Settings

COLOURS = OperatorChoice("colours", path="tests.toys:ToyProcessor")


@dataclass
class Served:
    """A service under test."""

    web: httpx.Client
    address: str

    def analyse(self, name: str, data: bytes) -> int:
        """Have a picture analysed; the id of its record, which may have failed."""
        answer = self.web.post("/analyses", files={"image": (name, data)})
        return int(answer.raise_for_status().json()["id"])


@contextmanager
def serving(folder: Path, **changes: Any) -> Iterator[Served]:
    settings = replace(Settings(), http_endpoint="127.0.0.1:0", fetch_allow=("127.0.0.1",), **changes)
    options = ServiceOptions(str(folder / "analyses.db"), operators=[COLOURS])
    with (
        open_service(options, settings) as service,
        http_of(service, settings) as address,
        httpx.Client(base_url=f"http://{address}", timeout=20) as web,
    ):
        yield Served(web, f"http://{address}")

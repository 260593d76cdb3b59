"""The web as these tests want it, and the command on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collect.pages_site import PagesSite, open_site
from tests.conftest import run_command
from visop.collect.folder import MANIFEST

Collect = Callable[..., int]
Manifest = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def web() -> Iterator[PagesSite]:
    with open_site() as site:
        yield site


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """The command, into ``tmp_path / "out"``, allowed to reach the site; the exit status."""
    allow = ["--out", tmp_path / "out", "--rate", "1000", "--fetch-allow", "127.0.0.1"]
    return lambda *arguments: run_command("collect", *allow, *arguments)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """What the manifest says of pictures."""

    def read() -> list[dict[str, Any]]:
        lines = (tmp_path / "out" / MANIFEST).read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] == "picture"]

    return read

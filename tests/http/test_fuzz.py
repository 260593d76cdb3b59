"""Requests made by schemathesis from the OpenAPI document, good and bad, against the server that answers it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest

from tests.http.conftest import both_protocols
from tests.toys import ToyOperator
from visop.contract import Image

# Not every string is a picture: what the document allows may still be refused.
_ALLOWED = "positive_data_acceptance"
# The parts of a form have no types, so that much that breaks the document cannot be told from what does not.
_FORBIDDEN = "negative_data_rejection"


class Unbreakable(ToyOperator):
    """Has a vector for black pictures, too, of which schemathesis makes many."""

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        return super().preprocess(image) + 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "options",
    [
        # Statuses, media types and schemas as documented; a generated timeout may well be too short.
        ["--exclude-checks", f"{_ALLOWED},{_FORBIDDEN},not_a_server_error"],
        # With the time that it takes, no 5xx at all: neither documented ones nor others.
        ["--exclude-checks", f"{_ALLOWED},{_FORBIDDEN}", "--header", "X-Request-Timeout: 20"],
        # What breaks the document is refused.
        ["--exclude-checks", f"{_ALLOWED},not_a_server_error", "--include-path", "/embed"],
    ],
    ids=["as-documented", "no-5xx", "refused"],
)
def test_what_schemathesis_sends_is_answered_as_documented(options: list[str], tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    with both_protocols(Unbreakable(), fetch=False) as (_, web):
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", "--no-color", "--max-examples", "100"]
        command += [*options, f"{web.base_url}/openapi.json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=550)
        assert done.returncode == 0, done.stdout
        assert web.get("/readyz").status_code == 200

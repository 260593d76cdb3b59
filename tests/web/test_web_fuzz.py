"""Requests made by schemathesis from the document of the whole site, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.test_fuzz import Unbreakable
from tests.web.conftest import open_test_site

# Not every string is a picture or a filter; and the parts of a form have no types.
_EXCLUDED = "positive_data_acceptance,negative_data_rejection"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_schemathesis_sends_is_answered_as_documented(tmp_path: Path) -> None:
    with open_test_site(tmp_path, 3, operator=Unbreakable(), fetch=False) as site:
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", "--no-color", "--max-examples", "50"]
        command += [
            "--include-path-regex",
            "^/v1/(search|index|indexes|pictures|remove)",
            "--exclude-checks",
            _EXCLUDED,
        ]
        command += ["--header", "X-Request-Timeout: 20"]  # a generated one may well be too short
        command += [f"{site.web.base_url}/openapi.json".replace("//openapi", "/openapi")]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=550)
        assert done.returncode == 0, done.stdout
        assert site.web.get("/readyz").status_code == 200

"""Requests made by schemathesis from the document of the service, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.analyses.service import serving

# Not every string is a picture, or names an operator; and the parts of a form have no types.
_EXCLUDED = "positive_data_acceptance,negative_data_rejection"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_schemathesis_sends_is_answered_as_documented(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    with serving(tmp_path, fetch=False, max_image_bytes=100_000) as service:
        service.analyse("text.png", b"no picture")
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", "--no-color", "--max-examples", "10"]
        command += ["--include-path-regex", "^/(analyses|jobs|operators|queue)"]
        command += ["--exclude-checks", _EXCLUDED, "--header", "X-Request-Timeout: 20"]  # a generated one may be short
        command += [f"{service.address}/openapi.json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=550)
        assert done.returncode == 0, done.stdout
        assert service.web.get("/readyz").status_code == 200

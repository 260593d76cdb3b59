"""Requests made by schemathesis from the document of the interface of the original engine, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import running
from tests.engine_client import EngineClient
from tests.http.test_fuzz import Unbreakable
from tests.web.conftest import open_test_site

# Not every string is a picture or an address, and an operator that is not there is a 503.
_EXCLUDED = "positive_data_acceptance,negative_data_rejection,not_a_server_error"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_schemathesis_sends_is_answered_as_documented(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("schemathesis")
    options = {"engine": tmp_path / "engine"}
    with (
        running(Unbreakable()) as encoder,
        open_test_site(tmp_path, 0, operator=Unbreakable(), options=options, fetch=False) as site,
    ):
        engine = EngineClient(str(site.web.base_url.netloc, "ascii"))
        with engine.http:
            engine.register("toy", encoder.address, "encoder")
            engine.pipeline("0", "toy")  # the name that schemathesis takes first
            engine.application("0", "bucket", image="0")
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            "--no-color",
            "--max-examples",
            "5",
            "--phases",
            "examples,coverage,fuzzing",
        ]
        command += ["--include-path-regex", "^/v1/(operator|pipeline|application|settings)"]
        command += ["--exclude-checks", _EXCLUDED, "--header", "X-Request-Timeout: 3"]
        command += [f"{site.web.base_url}/openapi.json".replace("//openapi", "/openapi")]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=550)
        assert done.returncode == 0, done.stdout
        assert site.web.get("/readyz").status_code == 200
    assert "Traceback" not in caplog.text

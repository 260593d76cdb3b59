"""A batch while workers, broker, database and operator are killed; benchmarks/analyses_faults.py is the long form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.analyses.servers import NotInstalled, PostgreSQL, RabbitMQ, Redis

_BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "analyses_faults.py"


@pytest.mark.slow
@pytest.mark.timeout(300)  # a busy machine takes long to start processes
@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
def test_every_picture_ends_once_whatever_is_killed(broker: str, tmp_path: Path) -> None:
    pytest.importorskip("celery")
    try:
        for kind in (PostgreSQL, RabbitMQ if broker == "rabbitmq" else Redis):
            kind().__exit__()
    except NotInstalled as missing:
        pytest.skip(f"needs the package {missing} of Debian")
    options = ["--broker", broker, "--pictures", "150", "--kills", "2", "--pause", "0.01", "--disturbed-only"]
    words = [sys.executable, str(_BENCHMARK), *options, "--patience", "200", "--logs", str(tmp_path / "logs")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| 150 | 0 | 150 | 0 |" in done.stdout

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Both starts: the first one exports, in a subprocess, and the second one only loads.
LOAD = """
import sys
sys.addaudithook(lambda event, _: event in ("socket.connect", "socket.getaddrinfo", "os.fork") and print("BAD", event))
from custom_operator import CustomOperator
from visop.settings import Settings
for _ in range(2):
    operator = CustomOperator(Settings(model="mobilenetv2", weights="random"))
    operator.load()
    operator.close()
print("loaded")
"""


@pytest.mark.slow  # builds a model of its own
def test_loading_a_model_contacts_nobody_and_writes_only_to_the_cache(tmp_path: Path) -> None:
    # CI=true, among others, would switch the telemetry off by itself.
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["loaded"], done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != ".keras"] == [".cache"]
    assert [path.name for path in (tmp_path / ".cache").iterdir()] == ["visop"]

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Both starts: the first one exports, in a subprocess, and the second one only loads.
CAUGHT = """
import sys
sys.addaudithook(lambda event, _: event in ("socket.connect", "socket.getaddrinfo", "os.fork") and print("BAD", event))
"""
ENCODER = """
from custom_operator import CustomOperator
from visop.settings import Settings
for _ in range(2):
    operator = CustomOperator(Settings(model="mobilenetv2", weights="random"))
    operator.load()
    operator.close()
print("loaded")
"""
FACES = """
from visop.serving.operators import load_model, load_operator
from visop.settings import Settings
for _ in range(2):
    operator = load_operator(Settings(model="faces"))
    load_model(operator)
    operator.close()
print("loaded")
"""


@pytest.mark.slow  # builds models of its own
@pytest.mark.parametrize("load", [ENCODER, FACES], ids=["encoder", "faces"])
def test_loading_a_model_contacts_nobody_and_writes_only_to_the_cache(load: str, tmp_path: Path) -> None:
    if load is FACES:
        pytest.importorskip("mtcnn")
    # CI=true, among others, would switch the telemetry off by itself.
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CAUGHT + load], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["loaded"], done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != ".keras"] == [".cache"]
    assert [path.name for path in (tmp_path / ".cache").iterdir()] == ["visop"]


def test_openvino_is_imported_where_its_telemetry_is_off_before() -> None:
    """By ``library``, by modules that are imported after it, and by programs that switch it off first."""
    found = {
        str(path.relative_to(ROOT / "visop"))
        for path in (ROOT / "visop").rglob("*.py")
        if re.search(r"^ *(import|from) openvino", path.read_text(), re.MULTILINE)
    }
    engines = {f"models/engines/{name}.py" for name in ("library", "openvino", "ranges")}
    assert found == engines | {"models/export.py"}

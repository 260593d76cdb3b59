from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visop.serving.lifecycle import load_operator
from visop.settings import Settings, env_name

ROOT = Path(__file__).parents[1]


def example(name: str) -> str:
    """A fenced block of docs/tutorials/own-operator.md, by the comment above it."""
    text = (ROOT / "docs/tutorials/own-operator.md").read_text()
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def load_example(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The operator of an example, exactly as written, loaded the way the server loads it."""
    module = types.ModuleType(f"example_{name}")
    exec(compile(example(name), f"docs/{name}", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    operator = load_operator(Settings(operator=f"{module.__name__}:CustomOperator"))
    operator.load()
    operator.warm_up()
    return operator


def picture(seed: int, size: tuple[int, int] = (90, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_the_numpy_operator_of_the_guide_works_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = load_example("numpy", monkeypatch)
    red = np.zeros((5, 7, 3), np.uint8)
    red[..., 0] = 255
    vector = operator.execute(red)
    assert vector[7 * 64] == 1
    assert len(vector) == 512


def write_onnx_model(path: Path) -> np.ndarray:
    """A model with the inputs and outputs of the guide's: the mean of each channel times a (3, 256) matrix."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = np.random.default_rng(0).normal(size=(3, 256)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["vectors"]),
        ],
        "encoder",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, ["n", 256])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return weights


def test_the_onnx_operator_of_the_guide_works_as_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    weights = write_onnx_model(tmp_path / "data/model.onnx")
    monkeypatch.chdir(tmp_path)
    operator = load_example("onnx", monkeypatch)
    image = picture(1, (224, 224))
    means = ((image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).mean(axis=(0, 1))
    expected = means @ weights
    np.testing.assert_allclose(operator.execute(image), expected / np.linalg.norm(expected), atol=1e-5)
    assert [len(v) for v in operator.bulk_execute([picture(seed) for seed in range(20)])] == [256] * 20


def test_the_pytorch_operator_of_the_guide_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tutorials/own-operator.md").read_text(), re.DOTALL)
    torch_block = next(block for block in blocks if "import torch" in block)
    compile(torch_block, "docs/pytorch", "exec")


def test_what_repeats_code_is_what_the_code_says() -> None:
    pages = [str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md")))]
    cog = [sys.executable, "-m", "cogapp", "--verbosity=1", "-I", "docs/generators"]
    done = subprocess.run([*cog, "--check", "--diff", *pages], cwd=ROOT, capture_output=True, text=True, check=False)
    refresh = "python -m cogapp -r -I docs/generators README.md docs/*/*.md"
    assert done.returncode == 0, f"run make fix, or {refresh}:\n{done.stdout}{done.stderr}"


def test_the_readme_lists_every_setting_with_its_default() -> None:
    table = dict(re.findall(r"^\| `(OP_\w+)` \| (?:`([^`]*)`|–) \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    expected = {env_name(spec.name): shown(spec.default) for spec in dataclasses.fields(Settings)}
    assert table == expected


def shown(value: object) -> str:
    """A default as one would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)

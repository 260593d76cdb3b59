from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visop.cli.main import make_parser
from visop.detection import Detection
from visop.serving.operators import load_operator
from visop.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*/*.md")))]


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


def test_the_numpy_processor_of_the_guide_works_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = load_example("numpy-processor", monkeypatch)
    image = np.full((40, 60, 3), 250, np.uint8)
    assert processor.execute(image) == []
    image[5:15, 10:30] = (200, 0, 0)
    assert processor.execute(image) == [Detection((10, 5, 20, 10), "foreground", 1.0)]


def test_the_onnx_processor_of_the_guide_works_as_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a model that answers two boxes for every picture, one of them uncertain."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rows = np.zeros((1, 100, 6), np.float32)
    rows[0, :2] = [[0.25, 0.5, 0.75, 1.1, 0.9, 1], [0, 0, 1, 1, 0.4, 0]]
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=1),
        helper.make_node("Reshape", ["means", "shape"], ["flat"]),
        helper.make_node("Mul", ["flat", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "rows"], ["found"]),
    ]
    constants = {
        "axes": np.array([1, 2, 3]),
        "shape": np.array([-1, 1, 1]),
        "zero": np.zeros(1, np.float32),
        "rows": rows,
    }
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 3, 300, 300])],
        [helper.make_tensor_value_info("found", onnx.TensorProto.FLOAT, ["n", 100, 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    (tmp_path / "data").mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "data/detector.onnx")
    monkeypatch.chdir(tmp_path)
    processor = load_example("onnx-processor", monkeypatch)
    images = [picture(seed, (80, 120)) for seed in range(10)]
    for found in processor.bulk_execute(images):
        [one] = found
        assert (one.label, one.box) == ("dog", (30.0, 40.0, 60.0, 40.0))
        assert one.score == pytest.approx(0.9)


def test_the_pytorch_operator_of_the_guide_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tutorials/own-operator.md").read_text(), re.DOTALL)
    torch_block = next(block for block in blocks if "import torch" in block)
    compile(torch_block, "docs/pytorch", "exec")


def test_what_repeats_code_is_what_the_code_says() -> None:
    cog = [sys.executable, "-m", "cogapp", "--verbosity=1", "-I", "docs/generators"]
    done = subprocess.run([*cog, "--check", "--diff", *PAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    refresh = "python -m cogapp -r -I docs/generators README.md docs/*/*.md"
    assert done.returncode == 0, f"run make fix, or {refresh}:\n{done.stdout}{done.stderr}"


def blocks(*languages: str) -> list[tuple[str, str]]:
    """The fenced blocks of these languages in all pages, each with the page that it is from."""
    found = re.compile(rf"^ *```(?:{'|'.join(languages)})\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
    return [(page, block) for page in PAGES for block in found.findall((ROOT / page).read_text())]


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Every call of a program in a block of commands, as its arguments."""
    calls = re.compile(rf"^ *\$ (?:[A-Z_]+=\S* )*(?:[^$|]* \| *\\?\n? *)?(?:\.venv/bin/)?{program} (.*)$", re.MULTILINE)
    return [
        (page, shlex.split(call, comments=True))
        for page, block in blocks("console", "sh")
        for call in calls.findall(block)
    ]


@pytest.mark.parametrize(("page", "arguments"), commands("visop"), ids=str)
def test_every_command_in_the_docs_is_one_that_visop_takes(
    page: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    make_parser().parse_args(arguments)
    assert capsys.readouterr().err == ""  # no spelling of the version before


def test_every_make_in_the_docs_is_a_target_with_variables_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page, words in commands("make"):
        variables = {word.partition("=")[0] for word in words if "=" in word}
        assert variables <= set(re.findall(r"[A-Z_]+", makefile)), (page, words)
        assert {word for word in words if "=" not in word} <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)), (
            page
        )


@pytest.mark.parametrize(("page", "block"), blocks("python"), ids=lambda text: text[:40])
def test_every_python_example_is_python(page: str, block: str) -> None:
    compile(block, page, "exec")


@pytest.mark.parametrize(("page", "block"), blocks("python"), ids=lambda text: text[:40])
def test_what_an_example_imports_from_visop_is_there(page: str, block: str) -> None:
    for module, names in re.findall(r"^from (visop\S*) import (.+)$", block, re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), f"{page}: {module}.{name}"


def test_links_of_the_readme_lead_to_files() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_threat_model_names_tests_that_are_there_for_every_threat() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text()]
    assert missing == []
    threats = text.partition("## Threats")[2].partition("\n## ")[0].split("\n- ")[1:]
    assert [threat for threat in threats if "::test_" not in threat] == []


def test_the_architecture_page_names_modules_and_types_that_are_there() -> None:
    text = (ROOT / "docs/explanation/architecture.md").read_text().partition("## Before and after")[0]
    code = re.findall(r"`([^`\n]+)`", text)
    assert [name for name in code if name.endswith(".py") and not exists_in_the_tree(name)] == []
    sources = "\n".join(path.read_text() for path in (ROOT / "visop").rglob("*.py"))
    names = {
        part for name in code if re.fullmatch(r"[A-Z][a-z]\w*(\.\w+)?|[a-z_]+_[a-z]+", name) for part in name.split(".")
    }
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", sources)] == []


def exists_in_the_tree(name: str) -> bool:
    return (ROOT / name).exists() or (ROOT / "visop" / name).exists()

from __future__ import annotations

import ast
import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from custom_operator import CustomOperator, run
from tests.conftest import make_image
from visop.errors import UrlRejected, UsageError
from visop.models.encoder_file import write_encoder_file
from visop.settings import Settings

ROOT = Path(__file__).parents[1]
RED, BLUE = make_image((255, 0, 0)), make_image((0, 0, 255))


@pytest.fixture(scope="module")
def operator(model_cache: Path) -> Iterator[CustomOperator]:
    settings = Settings(model="mobilenetv2", weights="random", device="cpu", precision="f32", cache_dir=model_cache)
    loaded = CustomOperator(settings)
    loaded.load()
    yield loaded
    loaded.close()


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def test_without_settings_it_is_the_embedded_encoder() -> None:
    info = CustomOperator().info()
    assert (info.name, info.dimension, info.type, info.metric_type) == ("embedded", 256, "encoder", "L2")


def test_an_encoder_file_says_what_it_is(tmp_path: Path) -> None:
    head = {"head/kernel": np.ones((512, 32), np.float32), "head/bias": np.ones(32, np.float32)}
    path = tmp_path / "mine.safetensors"
    write_encoder_file(path, model="vgg16", pooling="gem", dimension=32, tensors=head, card={})
    info = CustomOperator(Settings(weights=str(path))).info()
    assert (info.name, info.dimension) == ("vgg16", 32)


def test_it_is_the_model_of_the_settings() -> None:
    info = CustomOperator(Settings(model="xception", weights="random")).info()
    assert (info.name, info.dimension) == ("xception", 2048)


def test_a_model_that_there_is_not_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UsageError, match="OP_MODEL=vgg20"):
        CustomOperator(Settings(model="vgg20"))


def test_jpegs_are_decoded_small_only_where_the_resizing_does_not_see_it() -> None:
    assert CustomOperator(Settings(model="xception", weights="random")).decode_side == 2 * 299
    assert CustomOperator(Settings(resize="nearest")).decode_side is None


def test_identity_says_that_weights_are_random(operator: CustomOperator) -> None:
    assert operator.info().fingerprint.startswith("mobilenetv2-random-avg-bilinear-")
    assert operator.info().precision == "f32"


def test_the_engine_chooses_the_batch(operator: CustomOperator) -> None:
    assert operator.max_batch == 8


def test_it_is_found_in_any_folder_and_one_that_is_there_comes_first(tmp_path: Path) -> None:
    code = "from visop.serving.operators import load_operator as f; from visop.settings import Settings; "
    code += "print(f(Settings()).name)"

    def loaded() -> str:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout.strip()

    assert loaded() == "embedded"
    own = "from visop import Encoder\nclass CustomOperator(Encoder):\n    name, dimension = 'mine', 1\n"
    (tmp_path / "custom_operator.py").write_text(own + "    def infer(self, batch): ...\n")
    assert loaded() == "mine"


def test_pictures_of_any_size_become_unit_vectors_in_order(operator: CustomOperator) -> None:
    images = [noise(seed, 1 + 40 * seed, 300) for seed in range(11)]
    vectors = operator.bulk_execute(images)
    assert [vector.shape for vector in vectors] == [(1280,)] * 11
    np.testing.assert_allclose(vectors, [operator.execute(image) for image in images], atol=1e-5)
    assert not np.allclose(vectors[9], vectors[10], atol=1e-3)


def test_run_answers_urls_first_and_then_datas(operator: CustomOperator, picture_server: str) -> None:
    settings = Settings(fetch_allow=("127.0.0.1",))
    red, blue = run(operator, [base64.b64encode(BLUE).decode()], [f"{picture_server}/255-0-0.png"], settings)
    alone = run(operator, [base64.b64encode(image).decode() for image in (RED, BLUE)], [])
    np.testing.assert_allclose([red, blue], alone, atol=1e-6)


def test_run_guards_its_urls(operator: CustomOperator) -> None:
    with pytest.raises(UrlRejected):
        run(operator, [], ["http://127.0.0.1:9/picture.png"])


def try_it(picture: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "custom_operator.py", str(picture)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)


def test_the_numpy_operator_of_the_guide_is_tried_in_its_folder(tmp_path: Path) -> None:
    guide = (ROOT / "docs/tutorials/own-operator.md").read_text()
    (tmp_path / "custom_operator.py").write_text(
        guide.partition("<!-- example: numpy -->\n```python\n")[2].partition("```")[0]
    )
    (tmp_path / "red.png").write_bytes(RED)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for program in (["custom_operator.py"], ["-m", "visop.encoding.trial"]):
        command = [sys.executable, *program, "red.png"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.stdout.startswith("red.png (512,) "), done.stderr
    command[-1] = "no.png"
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "no.png: No such file or directory\n")


def test_the_file_is_a_program_that_tries_the_operator(model_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(RED)
    done = try_it(tmp_path / "red.png", OP_MODEL="mobilenetv2", OP_WEIGHTS="random", OP_CACHE_DIR=str(model_cache))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'red.png'} (1280,) 0.")


def test_missing_weights_are_told_in_one_line(tmp_path: Path) -> None:
    done = try_it(tmp_path / "red.png", OP_MODEL="vgg19", OP_DATA_DIR=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("the weights of vgg19 are missing")
    assert done.stderr.count("\n") == 1


def methods(path: Path) -> str:
    """What stands in the one class of a module, without its docstring."""
    (cls,) = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef))
    return "\n".join(ast.unparse(node) for node in cls.body[1:])


def test_the_template_is_the_built_in_encoder_written_out() -> None:
    assert methods(ROOT / "custom_operator.py") == methods(ROOT / "visop/models/built_in_encoder.py")


def test_the_template_needs_three_imports_of_visop() -> None:
    nodes = ast.parse((ROOT / "custom_operator.py").read_text()).body
    modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    assert [name for name in modules if name.startswith("visop")] == ["visop", "visop.encoding.trial", "visop.models"]


def test_the_template_stays_short() -> None:
    assert len((ROOT / "custom_operator.py").read_text().splitlines()) < 100

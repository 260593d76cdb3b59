from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toys import ToyOperator
from visop.errors import ModelFailed, UsageError
from visop.models.built_in_encoder import BuiltInEncoder
from visop.processors.regions import Regions
from visop.serving.named_class import BUILT_IN
from visop.serving.operators import load_model, load_operator
from visop.serving.part_encoder import PartEncoder
from visop.serving.remote.encoder import RemoteEncoder
from visop.serving.remote.processor import RemoteProcessor
from visop.settings import Settings

OWN = "from tests.toys import ToyOperator\n\nclass CustomOperator(ToyOperator):\n    name = 'own'\n"

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, in which no module of another one is known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "custom_operator", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_an_operator_that_takes_settings_gets_them() -> None:
    operator = load_operator(Settings(operator="tests.serving.stuck:ConfiguredOperator", model="vgg16"))
    assert operator.name == "vgg16"


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"processor": "10.0.0.7:50051", "encoder": "host.local:1"}, (RemoteProcessor, RemoteEncoder)),
        ({"processor": "regions:5", "encoder": "[::1]:50051"}, (Regions, RemoteEncoder)),
        ({"processor": "host:50051", "operator": "tests.toys:ToyOperator"}, (RemoteProcessor, ToyOperator)),
    ],
    ids=str,
)
def test_an_address_stands_for_an_operator_elsewhere(settings: dict[str, str], kinds: tuple[type, type]) -> None:
    operator = load_operator(Settings(**settings))  # type: ignore[arg-type]  # all are text
    assert isinstance(operator, PartEncoder)
    assert (type(operator.processor), type(operator.encoder)) == kinds


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"processor": "host:99999"}, "OP_PROCESSOR=host:99999: must be faces"),
        ({"processor": ":50051"}, "OP_PROCESSOR=:50051: must be faces"),
        ({"processor": "10.0.0.7"}, "OP_PROCESSOR=10.0.0.7: must be faces"),
        (
            {"processor": "faces", "encoder": "h:1", "operator": "my:Own"},
            "OP_ENCODER=h:1: contradicts the class my:Own",
        ),
    ],
    ids=str,
)
def test_what_is_neither_a_name_nor_an_address_is_refused(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(complaint)):
        load_operator(Settings(**settings))  # type: ignore[arg-type]  # all are text


@pytest.mark.parametrize("path", ["", "tests.toys", "tests.toys:Nothing", "tests.toys:RAISES", "os:getcwd", ":"])
def test_what_is_not_an_operator_is_refused_with_its_name(path: str) -> None:
    with pytest.raises(UsageError, match=f"OP_OPERATOR={path}"):
        load_operator(Settings(operator=path))


def test_without_a_custom_operator_in_the_folder_it_is_the_built_in_encoder(folder: Path) -> None:
    operator = load_operator(Settings(model="vgg16", weights="random"))
    assert isinstance(operator, BuiltInEncoder)
    assert operator.name == "vgg16"


def test_a_custom_operator_in_the_folder_is_the_operator(folder: Path) -> None:
    (folder / "custom_operator.py").write_text(OWN)
    assert load_operator(Settings()).name == "own"


def test_a_class_that_is_named_wins_over_the_file_in_the_folder(folder: Path) -> None:
    (folder / "custom_operator.py").write_text(OWN)
    assert isinstance(load_operator(Settings(operator="tests.toys:ToyOperator")), ToyOperator)
    assert isinstance(load_operator(Settings(operator=BUILT_IN)), BuiltInEncoder)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import no_such_package", "OP_OPERATOR=custom_operator:CustomOperator: it imports no_such_package, which is"),
        ("class Other: ...", "OP_OPERATOR=custom_operator:CustomOperator: there is no such module:Class"),
        (
            "import visop\nclass CustomOperator(visop.Encoder):\n    name = 'x'\n",
            "OP_OPERATOR=custom_operator:CustomOperator: it does not define dimension, infer$",
        ),
        (
            "def f(:",
            r"OP_OPERATOR=custom_operator:CustomOperator: it cannot be imported: SyntaxError: .*\(custom_op.*, line 1",
        ),
        (
            OWN + "    def __init__(self):\n        raise OSError('no\\ndisk')\n",
            "OP_OPERATOR=custom_operator:CustomOperator: it cannot be constructed: OSError: no disk$",
        ),
        ("CustomOperator = 3", "OP_OPERATOR=custom_operator:CustomOperator: must be a subclass of visop.Encoder"),
    ],
)
def test_a_custom_operator_that_is_none_is_not_passed_over(text: str, complaint: str, folder: Path) -> None:
    (folder / "custom_operator.py").write_text(text)
    with pytest.raises(UsageError, match=f"^{complaint}"):
        load_operator(Settings())


def test_what_load_raises_is_one_line_with_class_reason_and_place(folder: Path) -> None:
    (folder / "custom_operator.py").write_text(f"{OWN}\n    def load(self):\n        open('/nowhere/w.bin')\n")
    with pytest.raises(ModelFailed) as caught:
        load_model(load_operator(Settings()))
    assert caught.value.detail == (
        "custom_operator:CustomOperator: load() raised FileNotFoundError: [Errno 2] No such file or directory: "
        "'/nowhere/w.bin' (custom_operator.py, line 7)"
    )


@pytest.mark.parametrize("line", ["dimension = 'three'", "dimension = 0", "dimension = None", "max_batch = '8'"])
def test_a_number_that_is_none_is_named(line: str, folder: Path) -> None:
    (folder / "custom_operator.py").write_text(f"{OWN}    {line}\n")
    with pytest.raises(ModelFailed) as caught:
        load_model(load_operator(Settings()))
    assert caught.value.detail == (
        f"custom_operator:CustomOperator: {line.replace('=', 'is')}, it must be a whole number from 1"
    )


def test_the_text_of_a_number_is_one(folder: Path) -> None:
    (folder / "custom_operator.py").write_text(f"{OWN}    dimension = '3'\n")
    load_model(operator := load_operator(Settings()))
    assert operator.info().dimension == 3


_WITHOUT_SAFETENSORS = """
import sys
from visop.serving.operators import load_operator
from visop.settings import Settings
sys.modules["safetensors"] = None
try:
    load_operator(Settings())
except Exception as error:
    print(error)
"""


def test_packages_of_the_built_in_encoder_that_are_missing_are_named_with_the_way_to_install_them(folder: Path) -> None:
    command = [sys.executable, "-c", _WITHOUT_SAFETENSORS]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "safetensors is not installed; for the built-in encoder: pip install 'visop[cpu]'\n"

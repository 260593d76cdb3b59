"""What may import what: the design's one-way street, held by reading the imports of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import visop

ROOT = Path(__file__).parents[1]

# Each room may import from itself, from the rooms below it, and from nothing else of ours.
_CORE = {"errors", "settings", "contract"}
_SERVED = _CORE | {"commands", "inputs", "serving", "client", "encode"}
BELOW = {
    "errors": set(),
    "cores": set(),
    "settings": {"errors"},
    "commands": {"errors", "settings"},
    "contract": {"errors"},
    "inputs": _CORE,
    "pictures": {"errors", "cores", "commands"},
    "models": _CORE | {"cores", "inputs", "pictures"},
    "serving": _CORE | {"cores", "inputs"},
    "client": {"errors"},
    "encode": _CORE | {"commands", "inputs", "serving", "client", "models"},
    "collect": _CORE | {"commands", "inputs", "encode"},
    "evaluation": _SERVED | {"cores", "models", "pictures"},
    "search": _SERVED | {"cores", "models", "evaluation"},
    "web": _SERVED | {"cores", "models", "pictures", "search"},
    "training": _SERVED | {"cores", "models", "pictures", "evaluation"},
    "cli": _SERVED | {"models", "pictures", "collect", "evaluation", "search", "training", "web"},
    "__main__": {"cli"},
}

# Who may say these words.
ONLY = {
    "keras": {"visop/models", "visop/training"},
    "tensorflow": {"visop/models"},
    "openvino": {"visop/models"},
    "h5py": {"visop/models"},
    "PIL": {
        "visop/inputs/images.py",
        "visop/pictures",
        "visop/evaluation",
        "visop/collect",
        "visop/training",
        "visop/search",
        "visop/web",
    },
    "requests": {"visop/inputs/fetch.py"},
    "urllib3": {"visop/inputs/fetch.py"},
    "socket": {"visop/inputs/fetch.py", "visop/serving/http/server.py"},  # the latter only listens
    "fastapi": {"visop/serving/http", "visop/web"},
    "uvicorn": {"visop/serving/http"},
    "pymilvus": {"visop/search/milvus.py"},
    "rpc": {"visop/serving/convert.py", "visop/serving/service.py", "visop/serving/lifecycle.py", "visop/client"},
}


def modules() -> list[Path]:
    return sorted((ROOT / "visop").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_is_below_it(path: Path) -> None:
    relative = path.relative_to(ROOT / "visop")
    room = relative.parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for name in imports(path):
        head, _, rest = name.partition(".")
        if head == "visop" and rest:
            assert rest.split(".")[0] in BELOW[room] | {room}, f"{relative} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_in_its_place(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for name in imports(path):
        allowed = ONLY.get(name.split(".")[0])
        assert allowed is None or any(place.startswith(each) for each in allowed), f"{place} imports {name}"


@pytest.mark.parametrize("module", ["visop", "visop.client", "visop.cli.main", "visop.cli.console", "visop.settings"])
def test_a_light_import_stays_light(module: str) -> None:
    heavy = {"keras", "tensorflow", "openvino", "pymilvus", "PIL", "requests", "h5py", "torch"}
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_exists() -> None:
    assert sorted(visop.__all__) == visop.__all__
    assert all(hasattr(visop, name) for name in visop.__all__)

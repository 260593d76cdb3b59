"""What may import what: the design's one-way street, held by reading the imports of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import visop

ROOT = Path(__file__).parents[1]

# Each package may import from itself, from the packages below it, and from nothing else of ours.
_CORE = {
    "ahead",
    "vectors",
    "errors",
    "files",
    "address",
    "settings",
    "contract",
    "detection",
    "machine",
    "part_scheme",
    "progress",
    "same_encoder",
    "sources",
    "stacking",
}
_SERVED = _CORE | {"rpc", "images", "models", "processors", "adapters", "serving", "client", "encoding"}
BELOW = {
    "ahead": set(),
    "errors": set(),
    "files": set(),
    "journal": {"errors"},
    "address": set(),
    "spelling": set(),
    "machine": set(),
    "rpc": {"errors"},
    "access": {"address", "errors", "files", "settings"},
    "tracing": {"address", "errors", "rpc"},
    "metrics": {"address", "contract", "errors", "rpc", "settings", "tracing"},
    "settings": {"errors", "address", "spelling"},
    "vectors": {"errors"},
    "progress": set(),
    "stacking": {"errors"},
    "detection": {"errors"},
    "contract": {"detection", "errors", "stacking", "vectors"},
    "part_scheme": {"contract"},
    "same_encoder": {"contract", "errors", "part_scheme"},
    "sources": {"errors", "images"},  # what a file is
    "images": _CORE - {"sources"},
    "annotations": _CORE | {"images"},
    "matching": {"contract", "errors", "images"},  # proves copies without any encoder
    "synthetic": _CORE | {"annotations", "images"},
    "models": _CORE | {"images"},
    "processors": _CORE | {"images", "models"},
    "adapters": _CORE | {"images"},
    # Calls others, too.
    "serving": _CORE | {"access", "metrics", "rpc", "images", "processors", "adapters", "client", "tracing"},
    "client": {"address", "ahead", "rpc", "errors", "files", "contract", "detection", "tracing"},
    "encoding": _CORE | {"journal", "rpc", "images", "models", "processors", "serving", "client"},
    "detecting": _CORE | {"journal", "rpc", "images", "processors", "serving", "client", "encoding"},
    "page": set(),
    "http": _CORE | {"access", "metrics", "rpc", "images", "serving", "page", "tracing"},
    "collect": _CORE | {"journal", "images"},
    "templates": set(),
    "evaluation": _SERVED | {"annotations", "detecting", "synthetic", "templates"},
    "search": _SERVED | {"evaluation", "journal", "matching", "page", "templates", "tracing"},
    "web": _SERVED | {"http", "matching", "page", "search", "synthetic", "templates"},
    "analyses": _SERVED
    | {"access", "metrics", "detecting", "http", "journal", "matching", "page", "search", "templates", "tracing"},
    "training": _SERVED | {"annotations", "evaluation", "synthetic"},
    "cli": _SERVED
    | {"access", "annotations", "collect", "detecting", "evaluation", "http", "matching", "search", "synthetic"}
    | {"analyses", "tracing", "training", "web"},
    "__main__": {"cli"},
}

# Who may import these libraries.
ONLY = {
    "keras": {"visop/models", "visop/training", "visop/processors/mtcnn", "visop/processors/ssd"},
    "tensorflow": {"visop/models"},
    "cv2": {"visop/matching/library.py", "visop/processors/mtcnn/pyramid.py"},
    "openvino": {"visop/models", "visop/processors/faces.py", "visop/processors/yunet.py"},
    "h5py": {"visop/models"},
    "PIL": {
        "visop/images",
        "visop/matching/drawing.py",
        "visop/synthetic",
        "visop/evaluation",
        "visop/collect",
        "visop/training",
        "visop/web",
    },
    "requests": {"visop/images/fetching/fetch.py"},
    "urllib3": {"visop/images/fetching/fetch.py"},
    # Only the first opens connections: the second listens, the third ends those that gRPC accepted, the fourth asks
    # whether somebody listens at a socket of this machine, two are the ends of a pair, and address.py asks what a name
    # means.
    "socket": {
        "visop/images/fetching/fetch.py",
        "visop/http/server.py",
        "visop/serving/connections.py",
        "visop/search/milvus/local_socket.py",
        "visop/images/decode_process.py",
        "visop/images/decode_server.py",
        "visop/address.py",
    },
    "fastapi": {"visop/analyses", "visop/http", "visop/web"},
    "uvicorn": {"visop/http"},
    "opentelemetry": {"visop/tracing"},
    "prometheus_client": {"visop/metrics", "visop/http/count_requests.py"},
    "fsspec": {"visop/analyses", "visop/search/originals"},
    "sqlalchemy": {"visop/analyses"},
    "alembic": {"visop/analyses/migrating.py", "visop/analyses/migrations"},
    "celery": {"visop/analyses/queue"},
    "kombu": {"visop/analyses/queue"},
    "billiard": {"visop/analyses/queue"},
    "pyarrow": {"visop/analyses/job_results.py"},
    "jinja2": {"visop/templates.py"},
    "pymilvus": {"visop/search/milvus/library.py"},
    "watchfiles": {"visop/web/watching.py"},
}

# Who may import the stubs: whoever speaks gRPC.
STUBS = {
    "visop/serving/convert.py",
    "visop/serving/fx_watcher.py",
    "visop/serving/remote",
    "visop/serving/servicer.py",
    "visop/serving/server.py",
    "visop/client",
}


def modules() -> list[Path]:
    return sorted((ROOT / "visop").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules = [f"visop.{alias.name}" for alias in node.names if not alias.name.startswith("__")]
            yield from modules if node.module == "visop" else [str(node.module)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_is_below_it(path: Path) -> None:
    relative = path.relative_to(ROOT / "visop")
    package = relative.parts[0].removesuffix(".py")
    if package == "__init__":
        return
    for name in imports(path):
        head, _, rest = name.partition(".")
        if head == "visop" and rest:
            assert rest.split(".")[0] in BELOW[package] | {package}, f"{relative} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_in_its_place(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for name in imports(path):
        if name == "visop.rpc" and not place.startswith("visop/rpc/"):
            assert any(place.startswith(each) for each in STUBS), f"{place} imports {name}"
        allowed = ONLY.get(name.split(".")[0])
        assert allowed is None or any(place.startswith(each) for each in allowed), f"{place} imports {name}"


@pytest.mark.parametrize("module", ["visop", "visop.client", "visop.cli.main", "visop.cli.console", "visop.settings"])
def test_a_light_import_stays_light(module: str) -> None:
    heavy = {"keras", "tensorflow", "openvino", "pymilvus", "PIL", "requests", "h5py", "torch"}
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_shipped_encoder_is_served_without_the_program_that_draws_pictures(model_cache: Path) -> None:
    code = "from visop.models.built_in_encoder import BuiltInEncoder as B; from visop.settings import Settings; "
    code += f"e = B(Settings(device='cpu', cache_dir=__import__('pathlib').Path({str(model_cache)!r}))); e.load(); "
    code += "import visop.serving.lifecycle, sys; print(*[m for m in sys.modules if m.startswith('visop.synthetic')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_exists() -> None:
    assert sorted(visop.__all__) == visop.__all__
    assert all(hasattr(visop, name) for name in visop.__all__)


def test_imports_form_no_circle() -> None:
    """Also those inside of functions. A package that imports its public names when they are asked for is left out."""
    graph = {
        module_name(path): {name for name in imports(path) if name.startswith("visop.")}
        for path in modules()
        if path.name != "__init__.py"
    }
    TopologicalSorter(graph).prepare()


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

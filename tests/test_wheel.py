"""The wheel, as a stranger gets it: built, installed from the registry into an environment of its own, used in an
empty folder with nothing of this repository around it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

import visop
from tests.conftest import make_image
from visop.client import HEALTHY, Client

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, for a build leaves folders behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("visop", "rpc", "data"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for path in [*ROOT.glob("*.py"), ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"]:
        shutil.copy(path, source)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", out, source], check=True)
    [path] = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel, and what it says that ``visop run`` needs."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", f"visop[web] @ {wheel.as_uri()}"], check=True)
    return python


class Installed:
    """The installed command, in an empty folder."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.folder, self._command = folder, python.with_name("visop")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OP_", "PYTHON", "VIRTUAL"))}
        self._environment = kept | {"HOME": str(folder.parent), "OP_CACHE_DIR": str(folder.parent / "cache")}

    def run(self, *words: object) -> str:
        """Run a command to its end; what it printed."""
        done = self.try_to_run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_to_run(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [str(self._command), *map(str, words)]
        return subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True)

    @contextmanager
    def serving(self, *words: object, address: str) -> Iterator[str]:
        """Run a server until the end of the block, where SIGTERM must end it well; its address from the log."""
        command = [str(self._command), *map(str, words)]
        with subprocess.Popen(
            command, cwd=self.folder, env=self._environment, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr is not None
                lines: list[str] = []
                for line in process.stderr:
                    lines.append(line)
                    if found := re.search(rf"\b{address}=(\S+)", line):
                        break
                else:
                    raise AssertionError("".join(lines))
                yield found[1]
                process.send_signal(signal.SIGTERM)
                process.stderr.read()
                assert process.wait(60) == 0
            finally:
                process.kill()


@pytest.fixture
def installed(python: Path, tmp_path: Path) -> Installed:
    (tmp_path / "empty").mkdir()
    return Installed(python, tmp_path / "empty")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve pictures that the encoder tells apart, outside of the empty folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
        rows = noise.repeat(32, axis=0).repeat(32, axis=1)
        _save(rows, folder / f"{number}.png")
    return folder


def _save(pixels: np.ndarray, path: Path) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)


def test_a_wheel_has_one_top_level_name_and_everything_below_it(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"visop"}
    files = (path for path in (ROOT / "visop").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert names == {str(path.relative_to(ROOT)) for path in files}


def test_a_client_is_small_and_says_what_else_there_is(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "client"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([environment / "bin" / "python", "-m", "pip", "install", "-q", f"{wheel}[client]"], check=True)
    [package] = environment.glob("lib/*/site-packages/visop")
    files = [path for path in package.rglob("*") if path.suffix != ".pyc" and path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    (tmp_path / "empty").mkdir()
    client = Installed(environment / "bin" / "python", tmp_path / "empty")
    assert "visop[web]" in client.run("--help")
    for command, extra in (("serve", "cpu"), ("run", "web"), ("index", "search"), ("evaluate", "tools")):
        done = client.try_to_run(command, *([] if extra in ("cpu", "web") else [tmp_path]))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert f"pip install 'visop[{extra}]'" in done.stderr


def test_it_is_installed_and_says_how_it_is_used(installed: Installed, python: Path) -> None:
    assert "visop run --pictures ~/Pictures" in installed.run("--help")
    code = "import visop; print(visop.__version__, visop.__file__)"
    version, path = subprocess.check_output([python, "-I", "-c", code], cwd=installed.folder, text=True).split()
    assert version == visop.__version__
    assert not Path(path).is_relative_to(ROOT)
    distributions = (
        "from importlib.metadata import packages_distributions as p; print(*[n for n in p() if 'visop' in p()[n]])"
    )
    assert subprocess.check_output([python, "-I", "-c", distributions], text=True).split() == ["visop"]


def test_the_built_in_encoder_is_served(installed: Installed) -> None:
    with installed.serving("serve", "--endpoint", "127.0.0.1:0", address="listening") as address:
        with Client(address) as client:
            assert client.identity().operator.name == "embedded"
            assert client.health() == HEALTHY
            assert client.encode(images=[make_image()]).shape == (1, 256)
        assert json.loads(installed.run("info", "-e", address, "--json"))["name"] == "embedded"


def test_a_folder_is_encoded(installed: Installed, pictures: Path) -> None:
    installed.run("encode", pictures, "--out", "vectors.npy")
    vectors = np.load(installed.folder / "vectors.npy")
    assert vectors.shape == (12, 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_pictures_are_searched_in_the_browser(installed: Installed, pictures: Path) -> None:
    picture = (pictures / "3.png").read_bytes()
    flags = ("--endpoint", "127.0.0.1:0", "--http-endpoint", "127.0.0.1:0")
    with (
        installed.serving("run", *flags, address="http") as address,
        httpx.Client(base_url=f"http://{address}", timeout=120) as web,
    ):
        page = web.get("/")
        assert page.status_code == 200
        for asset in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert web.get(asset).status_code == 200, asset
        assert web.get("/docs").status_code == 200
        kept = web.post("/v1/index", files=[("images", picture)])
        assert kept.status_code == 200, kept.text
        found = web.post("/v1/search", files={"image": picture}).json()["matches"][0]
        assert found["id"] == kept.json()["pictures"][0]["id"]
        assert found["cosine"] > 0.99


def test_a_folder_is_indexed_and_searched_in_the_terminal(installed: Installed, pictures: Path) -> None:
    assert "12 new" in installed.run("index", pictures)
    found = json.loads(installed.run("search", pictures / "3.png", "--k", 1, "--json"))
    assert found[0]["names"] == [str(pictures / "3.png")]
    installed.run("search", pictures / "3.png", "--html", "found.html")
    assert "3.png" in (installed.folder / "found.html").read_text()


def test_encoders_are_evaluated_to_the_report(installed: Installed, pictures: Path) -> None:
    edits = ("--transformations", "mirror,jpeg-20")
    printed = installed.run("evaluate", pictures, "--encoder", "embedded", "--encoder", "phash", *edits)
    assert "12 pictures; the report is evaluation/report.html" in printed
    assert f"visop {visop.__version__}" in (installed.folder / "evaluation" / "report.html").read_text()

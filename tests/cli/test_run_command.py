from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command
from visop.cli.run import _tell_address
from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.settings import Effective, Settings
from visop.web.search_server import SearchOptions, _examples_store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What ``visop run`` would serve: its settings and its options."""
    monkeypatch.chdir(tmp_path)
    found: list[Any] = []

    def serve(effective: Effective, around: Any, _on_ready: Any) -> int:
        found[:] = [effective.settings, around.args[0]]
        return 0

    monkeypatch.setattr("visop.serving.lifecycle.serve", serve)

    def run(*words: str) -> tuple[Any, SearchOptions]:
        assert run_command("run", *words) == 0
        return found[0], found[1]

    return run


def test_a_first_visit_shows_examples_on_this_machine_only(served: Any) -> None:
    settings, options = served()
    assert settings.http_endpoint == "127.0.0.1:8080"
    assert options.examples
    assert options.uploads == Path("visop-uploads")


def test_an_index_that_is_there_is_served_and_not_the_examples(served: Any, tmp_path: Path) -> None:
    (tmp_path / "visop.db").mkdir()
    assert not served()[1].examples
    assert not served("--uri", "other.db")[1].examples


def test_pictures_are_indexed_into_the_default_index(served: Any, tmp_path: Path) -> None:
    _, options = served("--pictures", str(tmp_path))
    assert (options.pictures, options.uri, options.name) == ([str(tmp_path)], "visop.db", "pictures")
    assert not options.examples


def test_the_interface_of_the_original_engine_is_off_unless_it_is_asked_for(served: Any, tmp_path: Path) -> None:
    assert served()[1].engine is None
    _, options = served("--engine-api")
    assert (options.engine, options.examples) == (Path("visop-engine"), False)
    assert served("--uri", "art.db", "--engine-api")[1].engine == Path("art-engine")
    assert served("--engine-api", "here")[1].engine == Path("here")
    with pytest.raises(UsageError, match="engine_api: needs a folder"):
        served("--uri", "http://milvus:19530", "--parts", "none", "--engine-api")


def test_uploads_are_off_where_others_reach_the_page_unless_they_are_asked_for(served: Any) -> None:
    assert served("--http-endpoint", "0.0.0.0:8080")[1].uploads is None
    assert served("--http-endpoint", "0.0.0.0:8080", "--uploads", "here")[1].uploads == Path("here")
    assert served("--uploads", "off")[1].uploads is None


def test_the_variable_says_where_the_page_is_and_the_flag_wins(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OP_HTTP_ENDPOINT", "127.0.0.1:9999")
    assert served()[0].http_endpoint == "127.0.0.1:9999"
    assert served("--http-endpoint", "127.0.0.1:9998")[0].http_endpoint == "127.0.0.1:9998"


@pytest.mark.parametrize("words", [(), ("--http-endpoint", "")], ids=["variable", "flag"])
def test_an_empty_address_is_the_default_however_it_is_given(
    served: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OP_HTTP_ENDPOINT", "")
    assert served(*words)[0].http_endpoint == "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:8081", "localhost:8081"),
        ("[::]:8082", "localhost:8082"),
        ("[::1]:8083", "[::1]:8083"),
        ("example.org:80", "example.org:80"),
    ],
)
def test_the_line_that_says_it_is_ready_has_an_address_that_can_be_opened(
    capsys: pytest.CaptureFixture[str], address: str, shown: str
) -> None:
    _tell_address(Settings(), {"http": address})
    assert capsys.readouterr().out == f"visop: ready, open http://{shown}/\n"


def test_the_examples_of_an_encoder_are_the_same_index_at_every_start(tmp_path: Path) -> None:
    one = OperatorInfo("e", "f", 2, "L2", older_fingerprints=frozenset("abcdefgh"))
    other = replace(one, older_fingerprints=frozenset("hgfedcba") | {"i"})
    assert _examples_store(tmp_path, one) == _examples_store(tmp_path, other)
    assert _examples_store(tmp_path, one) != _examples_store(tmp_path, replace(one, fingerprint="g"))


def test_a_folder_that_is_not_there_stops_before_a_model_is_loaded(served: Any) -> None:
    with pytest.raises(UsageError, match="pictures /no/such: no such folder or file"):
        served("--pictures", "/no/such")


def test_a_uri_that_means_nothing_stops_before_a_model_is_loaded(served: Any) -> None:
    with pytest.raises(UsageError, match=r"^uri foo: must end in .db"):
        served("--uri", "foo")


def test_its_help_needs_nothing_heavy() -> None:
    heavy = {"keras", "openvino", "pymilvus", "PIL", "requests", "fastapi"}
    code = f"import visop.cli.run, sys; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

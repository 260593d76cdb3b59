"""``visop analyses list|show|delete`` against a real service."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.analyses.service import Served, serving
from tests.conftest import make_scene
from visop.cli.main import main

RED = (200, 0, 0)
SCENE = make_scene({RED: (10, 5, 20, 10)}, (64, 48))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Record 1 is done, record 2 has failed."""
    with serving(tmp_path_factory.mktemp("service")) as service:
        for name, data in {"scene.png": SCENE, "text.png": b"no picture"}.items():
            service.analyse(name, data)
        yield service


def run(service: Served, *words: object) -> int:
    return main(["analyses", *map(str, words), "--service", service.address])


def test_a_list_says_what_was_found_or_why_not(service: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(service, "list") == 0
    head, failed, done = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["id", "created", "state", "picture"]
    assert "failed  text.png   not an image" in failed
    assert "200-0-0 0.07" in done


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--state", "failed"], [2]),
        (["--label", "200-0-0"], [1]),
        (["--operator", "nobody"], []),
        (["--after", "2999-01-01"], []),
        (["--before", "2999-01-01", "--limit", 1], [2]),
    ],
    ids=["state", "label", "operator", "after", "limit"],
)
def test_a_list_is_of_what_fits(
    service: Served, capsys: pytest.CaptureFixture[str], words: list[object], ids: list[int]
) -> None:
    assert run(service, "list", "--json", *words) == 0
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == ids


def test_a_record_is_shown_and_its_picture_written(
    service: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture, overlay = tmp_path / "picture.png", tmp_path / "overlay.jpg"
    assert run(service, "show", 1, "--picture", picture, "--overlay", overlay) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (shown["state"], shown["source"]) == ("done", "scene.png")
    assert picture.read_bytes() == SCENE
    assert Image.open(io.BytesIO(overlay.read_bytes())).size == (64, 48)


def test_a_record_that_failed_and_one_that_is_not_there_are_statuses(
    service: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(service, "show", 2) == 1
    assert "not an image" in capsys.readouterr().out
    assert run(service, "show", 99) == 1
    assert capsys.readouterr().err == "visop: there is no analysis 99\n"


def test_a_place_that_cannot_be_written_is_named_by_its_flag(
    service: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(service, "show", 1, "--picture", tmp_path / "no" / "such.png") == 2
    assert "--picture" in capsys.readouterr().err


def test_what_is_deleted_is_gone_and_what_is_not_there_is_said(
    service: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = service.analyse("gone.png", SCENE)
    assert run(service, "delete", id_, 99) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("1 deleted\n", "visop: 99: there is no analysis 99\n")
    assert service.web.get(f"/analyses/{id_}").status_code == 404


def test_the_service_is_named_by_a_variable_too(
    service: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISOP_SERVICE", service.address)
    assert main(["analyses", "list", "--limit", "1"]) == 0
    assert main(["analyses", "list", "--service", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == "visop: http://127.0.0.1:9 cannot be reached: Connection refused\n"

"""``visop jobs`` against a real service that does the work itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.analyses.service import Served, serving
from tests.conftest import make_scene
from visop.cli.main import main

RED = (200, 0, 0)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures, and a file that looks like one and is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(make_scene({RED: (number, 5, 20, 10)}, (64, 48)))
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder


def run(service: Served, *words: object) -> int:
    return main(["jobs", *map(str, words), "--service", service.address])


def last_job(service: Served) -> int:
    return int(service.web.get("/jobs?limit=1").json()["jobs"][0]["id"])


def test_a_folder_is_uploaded_and_followed_and_its_results_are_fetched(
    service: Served, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(service, "submit", pictures, "--name", "holiday", "--quiet") == 1
    job = last_job(service)
    assert f"job {job}: done; 3 done, 1 failed" in capsys.readouterr().out
    assert run(service, "list") == 0
    assert "4/4    1       holiday" in capsys.readouterr().out
    out = tmp_path / "out.ndjson"
    assert run(service, "results", job, "--out", out, "--state", "done") == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {record["source"].rpartition("/")[2] for record in records} == {"0.png", "1.png", "2.png"}
    assert all(record["results"][0]["detections"] for record in records)


def test_the_same_command_again_is_the_same_job_unless_another_is_wanted(service: Served, pictures: Path) -> None:
    words = ("submit", pictures, "--detach", "--quiet")
    assert run(service, *words) == 0
    first = last_job(service)
    assert run(service, *words) == 0
    assert last_job(service) == first
    assert run(service, *words, "--again") == 0
    assert last_job(service) > first


def test_a_job_is_watched_as_json_and_changed_by_its_number(
    service: Served, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "3.png").unlink()
    assert run(service, "submit", pictures, "--detach", "--quiet") == 0
    job = last_job(service)
    assert run(service, "watch", job, "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["done"] == 3
    assert run(service, "retry", job) == 0
    assert f"job {job}: tried again" in capsys.readouterr().out
    assert run(service, "pause", 999) == 1
    assert capsys.readouterr().err == "visop: there is no job 999\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing-there"], "nothing-there"),
        (["--folder", "/srv", "x.png"], "--folder"),
        (["s3://a/b", "s3://c/d"], "a job of its own"),
        (["https://example.org/1.jpg", "README.md"], "jobs of their own"),
    ],
    ids=["no file", "folder and files", "two prefixes", "addresses and files"],
)
def test_what_cannot_be_submitted_is_refused_before_anything_is_sent(
    service: Served, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(service, "submit", *words, "--quiet") == 2
    assert told in capsys.readouterr().err


def test_results_go_where_the_name_of_the_file_says_what_they_are(
    service: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(service, "results", 1, "--out", tmp_path / "out.txt") == 2
    assert "--out" in capsys.readouterr().err

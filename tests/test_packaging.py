"""The files around the code agree with each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import visop

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _pins(name: str) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return dict(line.split("==") for line in lines if line)


def _needs(extra: str) -> list[Requirement]:
    """What an extra needs directly, the extras inside it resolved."""
    requirements = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"][extra]]
    inner = [need for each in requirements if each.name == "visop" for name in each.extras for need in _needs(name)]
    return [each for each in requirements if each.name != "visop"] + inner


@pytest.mark.parametrize(
    ("file", "extra"),
    [
        ("requirements.txt", "cpu"),
        ("requirements-web.txt", "web"),
        ("requirements-gpu.txt", "gpu"),
        ("requirements-analyses.txt", "analyses"),
    ],
)
def test_the_pins_of_an_image_fit_what_the_project_needs(file: str, extra: str) -> None:
    pins = _pins(file)
    core = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    for need in core + _needs(extra):
        assert pins[need.name] in need.specifier, f"{file}: {need}; run make pins"


def test_the_cpu_image_has_no_tensorflow_and_the_gpu_image_has() -> None:
    assert not [name for name in _pins("requirements.txt") if "tensorflow" in name]
    assert "tensorflow" in _pins("requirements-gpu.txt")


def test_the_image_of_analyses_has_no_model_and_no_engine() -> None:
    assert not {"keras", "openvino", "tensorflow"} & set(_pins("requirements-analyses.txt"))


def test_both_images_are_built_and_run_in_the_same_way() -> None:
    words = ("USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD", "WORKDIR", "LABEL", "ARG")
    cpu, gpu = (
        [line for line in (ROOT / name).read_text().splitlines() if line.startswith(("FROM", *words))]
        for name in ("Dockerfile", "Dockerfile-gpu")
    )
    assert {line for line in cpu if "REQUIREMENTS" not in line} == {line for line in gpu if "REQUIREMENTS" not in line}
    run = "FROM base"  # the last stage
    assert cpu[cpu.index(run) :] == gpu[gpu.index(run) :]


@pytest.fixture
def engines(tmp_path: Path) -> Callable[..., str]:
    """What ``make cpu`` says that it would run, where these commands exist; those that are True answer.

    A command that is asked leaves ``asked`` in the folder.
    """

    def made(*words: str, goal: str = "cpu", **found: bool) -> str:
        for name, answers in found.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n: > {tmp_path / 'asked'}\nexit {0 if answers else 1}\n")
            (tmp_path / name).chmod(0o755)
        for name in ("make", "sh", "bash", "git", "true"):
            path = shutil.which(name)
            assert path
            (tmp_path / name).symlink_to(path)
        command = ["make", "--dry-run", goal, "PYTHON=python3", *words]
        done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
        return done.stdout + done.stderr

    return made


def test_an_image_is_built_with_the_first_engine_that_answers(engines: Callable[..., str]) -> None:
    assert "podman build -f Dockerfile" in engines(docker=False, podman=True, buildah=True)


def test_without_an_engine_that_answers_the_build_says_so(engines: Callable[..., str]) -> None:
    assert "No container engine answers" in engines(docker=False)


def test_the_help_asks_no_engine(engines: Callable[..., str], tmp_path: Path) -> None:
    assert "DOCKER=docker, podman or buildah" in engines(goal="help", docker=True)
    assert not (tmp_path / "asked").exists()


def test_a_named_engine_is_taken_as_it_is(engines: Callable[..., str]) -> None:
    said = engines("DOCKER=mine", "OPERATOR=mine:Mine", "PORT=80", docker=True)
    assert "mine build -f Dockerfile" in said
    assert "--build-arg PORT='80' --build-arg OPERATOR='mine:Mine'" in said


def test_the_version_is_written_in_one_place() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "visop.__version__"}


def test_the_newest_release_in_the_changelog_is_this_version_with_its_date() -> None:
    releases = re.findall(r"^## \[(\d[^]]*)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    version, date = releases[0]
    assert version == visop.__version__
    assert re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".pre-commit-config.yaml"])
def test_every_make_command_that_is_written_down_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / document).read_text()
    commands = re.findall(r"(?:`|\$ |^    |: )make((?: [a-z][a-z-]*)+)", text, re.MULTILINE)
    assert commands
    assert {name for command in commands for name in command.split()} <= targets

"""The compose files, as far as can be told with no engine: their form, and that our services know what is in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from visop.cli.analyses_flags import BROKER, DATABASE, PICTURES, SECRET
from visop.cli.main import make_parser
from visop.settings import Settings, env_name

ROOT = Path(__file__).parents[1]
SEARCH, ANALYSES = ROOT / "deploy/compose.yaml", ROOT / "deploy/analyses.yaml"
FILES = pytest.mark.parametrize("file", [SEARCH, ANALYSES], ids=lambda file: file.name)

# Containers of our own images, and the file that each is in.
OURS = {"visop": SEARCH, "service": ANALYSES, "worker": ANALYSES, "operator": ANALYSES}


def services_of(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())["services"]
    return found


@pytest.fixture
def services() -> dict[str, Any]:
    return services_of(SEARCH)


@pytest.fixture
def analyses() -> dict[str, Any]:
    return services_of(ANALYSES)


def test_they_are_compose_files() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(SEARCH), str(ANALYSES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_command_is_one_that_visop_knows(services: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    command = services["visop"]["command"]
    assert command[:3] == ["python", "-m", "visop"]
    arguments = make_parser().parse_args(command[3:])
    assert capsys.readouterr().err == ""
    assert (arguments.uri, arguments.setting_http_endpoint) == ("http://milvus:19530", "0.0.0.0:8080")


@pytest.mark.parametrize("name", ["service", "worker"])
def test_service_and_workers_are_told_the_same_and_know_it(
    analyses: dict[str, Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = analyses[name]["command"]
    assert command[:3] == ["python", "-m", "visop"]
    arguments = make_parser().parse_args(command[3:])
    assert capsys.readouterr().err == ""
    assert arguments.operators == [("embedded", "operator:50051")]
    environment = analyses[name]["environment"]
    assert {DATABASE, BROKER, PICTURES} <= set(environment)
    assert analyses[name]["volumes"] == ["pictures:/var/lib/visop"]
    assert environment[PICTURES].startswith("/var/lib/visop/")
    assert re.search(r"COPY .*--chown=10001:0 /var/lib/visop /var/lib/visop", (ROOT / "Dockerfile").read_text())


@pytest.mark.parametrize("name", OURS)
def test_the_variables_are_settings(name: str) -> None:
    known = {env_name(setting) for setting in Settings.__dataclass_fields__} | {DATABASE, BROKER, PICTURES, SECRET}
    assert set(services_of(OURS[name])[name]["environment"]) <= known | {"no_proxy", "NO_PROXY"}


@pytest.mark.parametrize(
    ("file", "names"),
    [(SEARCH, ["visop", "milvus"]), (ANALYSES, ["service", "worker", "operator"])],
    ids=["search", "analyses"],
)
def test_no_service_is_reached_through_a_proxy_that_docker_sets(file: Path, names: list[str]) -> None:
    services = services_of(file)
    reached = {"localhost", "127.0.0.1", *services} - {"visop", "worker"}
    for name in names:
        for variable in ("no_proxy", "NO_PROXY"):  # programs in Go read the second first
            assert set(services[name]["environment"][variable].split(",")) >= reached
    for service in services.values():
        if "curl" in (check := service.get("healthcheck", {}).get("test", [])):
            assert "--noproxy" in check


@FILES
def test_every_service_that_is_waited_for_has_a_health_check(file: Path) -> None:
    services = services_of(file)
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "test" in services[other]["healthcheck"]


@FILES
def test_nothing_is_open_to_other_machines(file: Path) -> None:
    ports = [port for service in services_of(file).values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_is_written_beside_the_index_has_a_place_to_stay(services: dict[str, Any]) -> None:
    assert services["visop"]["read_only"]
    cache = re.search(r"OP_CACHE_DIR=(\S+)", (ROOT / "Dockerfile").read_text())
    assert cache
    assert f"cache:{cache[1]}" in services["visop"]["volumes"]
    assert "cache" in yaml.safe_load(SEARCH.read_text())["volumes"]


def test_no_password_is_one_that_everybody_knows(services: dict[str, Any]) -> None:
    found = services["minio"]["environment"]["MINIO_ROOT_PASSWORD"]
    assert re.fullmatch(r"\$\{MINIO_PASSWORD:\?[^}]+\}", found)  # compose stops where it is not set
    assert services["milvus"]["environment"]["MINIO_SECRET_ACCESS_KEY"] == found
    assert "minioadmin" not in SEARCH.read_text()
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text().split()


def test_every_password_of_analyses_has_to_be_set(analyses: dict[str, Any]) -> None:
    for text in re.findall(r"\w*(?:PASSWORD|SECRET|PASS): (.*)|://\w+:(.*)@", ANALYSES.read_text()):
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", "".join(text))
    assert re.search(r"\$\{POSTGRES_PASSWORD:\?", analyses["service"]["environment"][DATABASE])


def test_make_makes_the_passwords_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/.env").write_text("MINIO_PASSWORD=kept\n")
    for _ in range(2):
        subprocess.run(["make", "-f", ROOT / "Makefile", "secrets"], cwd=tmp_path, check=True)
    lines = dict(line.split("=") for line in (tmp_path / "deploy/.env").read_text().splitlines())
    asked = set(re.findall(r"\$\{(\w+):\?", SEARCH.read_text() + ANALYSES.read_text()))
    assert set(lines) == asked
    assert lines.pop("MINIO_PASSWORD") == "kept"
    assert all(re.fullmatch("[0-9a-f]{48}", each) for each in lines.values())


@FILES
def test_no_service_does_without_what_the_engine_forbids_or_gets_new_privileges(file: Path) -> None:
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in services_of(file).values())


@pytest.mark.parametrize("name", ["etcd", "minio"])
def test_an_image_is_named_by_version_and_digest(services: dict[str, Any], name: str) -> None:
    assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", services[name]["image"])

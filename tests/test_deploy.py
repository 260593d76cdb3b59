"""deploy/compose.yaml, as far as can be told with no engine: its form, and that our service knows what it is told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from visop.cli.main import make_parser
from visop.settings import Settings, env_name

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "deploy/compose.yaml"


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_it_is_a_compose_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_command_is_one_that_visop_knows(services: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    command = services["visop"]["command"]
    assert command[:3] == ["python", "-m", "visop"]
    arguments = make_parser().parse_args(command[3:])
    assert capsys.readouterr().err == ""
    assert (arguments.uri, arguments.setting_http_endpoint) == ("http://milvus:19530", "0.0.0.0:8080")


def test_the_variables_are_settings(services: dict[str, Any]) -> None:
    known = {env_name(name) for name in Settings.__dataclass_fields__}
    assert set(services["visop"]["environment"]) <= known | {"no_proxy", "NO_PROXY"}


def test_no_service_is_reached_through_a_proxy_that_docker_sets(services: dict[str, Any]) -> None:
    for name in ("visop", "milvus"):
        for variable in ("no_proxy", "NO_PROXY"):  # programs in Go read the second first
            assert set(services[name]["environment"][variable].split(",")) >= {"localhost", "127.0.0.1", *services} - {
                "visop"
            }
    for service in services.values():
        if "curl" in (check := service.get("healthcheck", {}).get("test", [])):
            assert "--noproxy" in check


def test_every_service_that_is_waited_for_has_a_health_check(services: dict[str, Any]) -> None:
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[other]


def test_nothing_is_open_to_other_machines(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_is_written_beside_the_index_has_a_place_to_stay(services: dict[str, Any]) -> None:
    assert services["visop"]["read_only"]
    cache = re.search(r"OP_CACHE_DIR=(\S+)", (ROOT / "Dockerfile").read_text())
    assert cache
    assert f"cache:{cache[1]}" in services["visop"]["volumes"]
    assert "cache" in yaml.safe_load(COMPOSE.read_text())["volumes"]


def test_no_password_is_one_that_everybody_knows(services: dict[str, Any]) -> None:
    found = services["minio"]["environment"]["MINIO_ROOT_PASSWORD"]
    assert re.fullmatch(r"\$\{MINIO_PASSWORD:\?[^}]+\}", found)  # compose stops where it is not set
    assert services["milvus"]["environment"]["MINIO_SECRET_ACCESS_KEY"] == found
    assert "minioadmin" not in COMPOSE.read_text()
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text().split()


def test_no_service_does_without_what_the_engine_forbids_or_gets_new_privileges(services: dict[str, Any]) -> None:
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in services.values())


@pytest.mark.parametrize("name", ["etcd", "minio"])
def test_an_image_is_named_by_version_and_digest(services: dict[str, Any], name: str) -> None:
    assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", services[name]["image"])

"""deploy/kubernetes: that each file is what Kubernetes takes, and says what our service knows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from visop.analyses.routes.job_messages import Depth
from visop.cli.analyses_flags import BROKER, DATABASE, PICTURES, SECRET
from visop.cli.main import make_parser
from visop.images.fetching import addresses
from visop.settings import Settings, env_name, load_settings

FOLDER = Path(__file__).parents[1] / "deploy/kubernetes"
# Oldest that is still maintained, and newest that there are schemas of.
VERSIONS = ("1.32", "1.36")
# Of those that are not part of Kubernetes, which has no schema of them.
OTHERS = ("kustomize.config.k8s.io", "keda.sh", "monitoring.coreos.com")


def files() -> list[str]:
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml"))


def documents(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((FOLDER / name).read_text())


def document(name: str, kind: str) -> dict[str, Any]:
    [found] = [each for each in documents(name) if each["kind"] == kind]
    return found


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    found: dict[str, Any] = document("base/deployment.yaml", "Deployment")["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def settings(pod: dict[str, Any]) -> Settings:
    variables = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert set(variables) <= {env_name(name) for name in Settings.__dataclass_fields__}
    return load_settings(variables, {}).settings


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [name for name in files() if not name.endswith("kustomization.yaml")])
def test_it_is_what_kubernetes_takes(name: str, version: str) -> None:
    for each in documents(name):
        if not each["apiVersion"].startswith(OTHERS) and not name.startswith("gpu/"):  # a patch is a part
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", [name for name in files() if name.endswith("kustomization.yaml")])
def test_what_kustomizations_name_is_there(name: str) -> None:
    [found] = documents(name)
    named = [*found.get("resources", []), *(each["path"] for each in found.get("patches", []) if "path" in each)]
    assert named
    for each in named:
        assert (FOLDER / name).parent.joinpath(each).exists(), each


def test_every_file_is_named_by_a_kustomization() -> None:
    named = set()
    for name in files():
        if name.endswith("kustomization.yaml"):
            [found] = documents(name)
            folder = Path(name).parent
            named |= {str(folder / each) for each in found.get("resources", [])}
            named |= {str(folder / each["path"]) for each in found.get("patches", []) if "path" in each}
    assert {name for name in files() if not name.endswith("kustomization.yaml")} <= named


def test_the_process_has_no_more_rights_than_it_needs(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    rights = pod["containers"][0]["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}


def test_what_is_written_has_a_place(pod: dict[str, Any], settings: Settings) -> None:
    mounted = {each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    assert mounted == {"/tmp", str(settings.cache_dir)}


def test_the_ports_are_those_that_are_listened_on(pod: dict[str, Any], settings: Settings) -> None:
    ports = {each["name"]: each["containerPort"] for each in pod["containers"][0]["ports"]}
    assert ports == {"grpc": 50051, "metrics": int(settings.metrics_endpoint.rpartition(":")[2])}
    for service in documents("base/services.yaml"):
        assert {each["name"]: each["port"] for each in service["spec"]["ports"]}.items() <= ports.items()


def test_a_pod_has_the_time_to_end(pod: dict[str, Any], settings: Settings) -> None:
    assert pod["terminationGracePeriodSeconds"] >= settings.lame_duck_s + settings.drain_timeout_s + 5
    readiness = pod["containers"][0]["readinessProbe"]
    assert settings.lame_duck_s > readiness["periodSeconds"] * readiness["failureThreshold"]


def test_the_network_policy_refuses_the_addresses_that_urls_may_not_have() -> None:
    policy = document("base/network.yaml", "NetworkPolicy")["spec"]
    blocks = {each["ipBlock"]["cidr"]: each["ipBlock"]["except"] for each in policy["egress"][1]["to"]}
    assert blocks == {
        "0.0.0.0/0": [str(each) for each in addresses._NOT_PUBLIC_V4],
        str(addresses._PUBLIC_V6): [str(each) for each in addresses._NOT_PUBLIC_V6],
    }


@pytest.fixture(scope="module")
def analyses() -> list[dict[str, Any]]:
    """The pods of the service of analyses and of its workers."""
    names = ("analyses/service.yaml", "analyses/worker.yaml")
    return [document(name, "Deployment")["spec"]["template"]["spec"] for name in names]


def containers_of(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_analyses_run_with_no_more_rights_than_operators(analyses: list[dict[str, Any]], pod: dict[str, Any]) -> None:
    for each in analyses:
        assert each["securityContext"] == pod["securityContext"]
        assert each["automountServiceAccountToken"] is False
        for container in containers_of(each):
            assert container["securityContext"] == pod["containers"][0]["securityContext"]
            assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
            assert "memory" in container["resources"]["limits"]


def test_the_commands_of_analyses_are_known(analyses: list[dict[str, Any]]) -> None:
    for each in analyses:
        for container in containers_of(each):
            assert container["command"][:3] == ["python", "-m", "visop"]
            arguments = make_parser().parse_args(container["command"][3:])
            if container["name"] != "migrate":
                assert arguments.operators == [("embedded", "visop:50051")]


def test_the_variables_of_analyses_are_known_and_secrets_are_not_written_there(analyses: list[dict[str, Any]]) -> None:
    known = {env_name(name) for name in Settings.__dataclass_fields__} | {DATABASE, BROKER, PICTURES, SECRET}
    for each in analyses:
        for variable in [variable for container in containers_of(each) for variable in container["env"]]:
            assert variable["name"] in known
            assert ("value" in variable) == variable["name"].startswith("OP_")
            if "valueFrom" in variable:
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "visop-analyses"


def test_the_tables_are_brought_up_to_date_before_the_service_starts(analyses: list[dict[str, Any]]) -> None:
    assert [each["command"][3:] for each in analyses[0]["initContainers"]] == [["analyses", "migrate"]]


def test_a_worker_has_the_time_to_finish_what_it_claimed(analyses: list[dict[str, Any]]) -> None:
    arguments = make_parser().parse_args(analyses[1]["containers"][0]["command"][3:])
    assert analyses[1]["terminationGracePeriodSeconds"] > arguments.time_limit


def test_workers_are_scaled_by_the_queue() -> None:
    scaled = document("analyses-keda/scaled-object.yaml", "ScaledObject")["spec"]
    assert scaled["scaleTargetRef"]["name"] == document("analyses/worker.yaml", "Deployment")["metadata"]["name"]
    [trigger] = scaled["triggers"]
    url = urlsplit(trigger["metadata"]["url"])
    assert url.path == "/queue"
    [service] = document("analyses/service.yaml", "Deployment")["spec"]["template"]["spec"]["containers"]
    hosts = {each["name"]: each.get("value") for each in service["env"]}["OP_HTTP_HOSTS"]
    assert url.hostname in hosts.split(",")
    assert trigger["metadata"]["valueLocation"] in Depth.model_fields


def test_analyses_reach_the_same_public_addresses_as_operators() -> None:
    public = [
        document(name, "NetworkPolicy")["spec"]["egress"][-1] for name in ("base/network.yaml", "analyses/network.yaml")
    ]
    assert public[0] == public[1]


@pytest.mark.skipif(not shutil.which("kustomize"), reason="needs kustomize")
def test_an_overlay_with_everything_can_be_built(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    (tmp_path / "kubernetes/mine").mkdir()
    parts = {"resources": ["../cpu", "../analyses"], "components": ["../analyses-keda", "../analyses-volume"]}
    (tmp_path / "kubernetes/mine/kustomization.yaml").write_text(yaml.safe_dump(parts))
    command = ["kustomize", "build", str(tmp_path / "kubernetes/mine")]
    built = list(yaml.safe_load_all(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    for each in built:
        if not each["apiVersion"].startswith(OTHERS):
            kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for each in built
        if each["kind"] == "Deployment"
        for volume in each["spec"]["template"]["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == ["visop-pictures"] * 2

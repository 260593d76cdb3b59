"""What is given to Prometheus and Grafana: checked by promtool, and against the metrics that there are."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import visop.http.count_requests  # its metrics, too, are among those that there are
import visop.metrics
from visop.metrics import own_port
from visop.metrics.registry import REGISTRY, exposition
from visop.settings import Settings

DEPLOY = Path(__file__).parents[1] / "deploy"
RULES = DEPLOY / "prometheus/rules.yml"


def promtool(*words: str, given: bytes = b"") -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool, of Debian's package prometheus, is not installed")
    done = subprocess.run(["promtool", *words], input=given, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_the_rules_are_rules() -> None:
    promtool("check", "rules", str(RULES))


@pytest.mark.parametrize("name", ["rules_test.yml", "rules_memory_test.yml"])
def test_each_alert_fires_when_it_should(name: str) -> None:
    promtool("test", "rules", str(DEPLOY / "prometheus" / name))


def test_every_alert_has_a_test() -> None:
    tests = (DEPLOY / "prometheus").glob("rules_*test.yml")
    assert alerts() == set(re.findall(r"alertname: (\w+)", "".join(each.read_text() for each in tests)))


def test_metrics_are_named_and_explained_as_promtool_wants_it() -> None:
    text, _ = exposition()
    # Names that others gave: of Python's collectors, which the library makes.
    lines = [line for line in text.splitlines(keepends=True) if b"python_" not in line]
    promtool("check", "metrics", given=b"".join(lines))


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    for module in pkgutil.iter_modules(visop.metrics.__path__, "visop.metrics."):
        importlib.import_module(module.name)
    known = {name for names in vars(REGISTRY)["_collector_to_names"].values() for name in names}
    known |= {sample.name for family in REGISTRY.collect() for sample in family.samples}  # the process says no names
    asked = [str(rule["expr"]) for rule in rules()]
    asked += [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    found = set(re.findall(r"\b(?:visop|grpc_server|http_server|process)_\w+", " ".join(asked)))
    assert found
    assert found <= known


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


def alerts() -> set[str]:
    return {rule["alert"] for rule in rules() if "alert" in rule}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana/operator.json").read_text())
    return found


def test_metrics_have_a_port_of_their_own_where_it_is_set() -> None:
    companion = own_port.MetricsServer(Settings(metrics_endpoint="127.0.0.1:0"))
    companion.start()
    try:
        answer = httpx.get(f"http://{companion.address}/metrics")
        assert answer.status_code == 200
        assert "visop_build_info" in answer.text
    finally:
        companion.stop()
        companion.stop()


def test_a_port_that_is_taken_is_named() -> None:
    taken = own_port.MetricsServer(Settings(metrics_endpoint="127.0.0.1:0"))
    try:
        with pytest.raises(Exception, match="in use"):
            own_port.MetricsServer(Settings(metrics_endpoint=taken.address))
    finally:
        taken.stop()


def test_every_alert_is_explained() -> None:
    explained = (DEPLOY.parent / "docs/operations/alerts.md").read_text()
    assert alerts() == set(re.findall(r"^## (Visop\w+)$", explained, re.MULTILINE))
    assert {anchor.lower() for anchor in re.findall(r"\(#(visop\w+)\)", explained)} <= {
        each.lower() for each in alerts()
    }

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.models import EngineOptions, Selection
from visop.models.engines import device
from visop.models.engines.engine import Engine
from visop.settings import Settings


def load(**options: str) -> Engine:
    settings = Settings(model="mobilenetv2", weights="random", **options)  # type: ignore[arg-type]
    return Selection.of(settings).load(EngineOptions.of(settings))


@pytest.fixture
def no_nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_nvidia_nodes", list)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_nvidia")
def test_a_gpu_that_is_asked_for_and_missing_is_an_error() -> None:
    with pytest.raises(UsageError, match="OP_DEVICE=gpu: there is no NVIDIA device"):
        load(device="gpu")


@pytest.mark.usefixtures("nothing_installed")
def test_a_gpu_without_tensorflow_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_nvidia_nodes", lambda: [Path("/dev/nvidia0")])
    with pytest.raises(UsageError, match=r"TensorFlow is not installed: pip install 'visop\[gpu\]'"):
        load(device="gpu")


@pytest.mark.usefixtures("nothing_installed")
def test_a_cpu_without_openvino_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"openvino is not installed: pip install 'visop\[cpu\]'"):
        load(device="cpu")


@pytest.mark.usefixtures("no_nvidia", "nothing_installed")
def test_auto_says_why_it_takes_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(UsageError, match="openvino"):
        load(device="auto")
    assert "OP_DEVICE=auto takes the CPU: there is no NVIDIA device" in caplog.text

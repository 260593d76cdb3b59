from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.models import EngineOptions, Selection
from visop.models.engines.device import wants_gpu
from visop.models.engines.engine import Engine
from visop.settings import Settings


def load(**options: str) -> Engine:
    settings = Settings(model="mobilenetv2", weights="random", **options)  # type: ignore[arg-type]
    return Selection.of(settings).load(EngineOptions.of(settings))


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


def test_a_gpu_that_is_asked_for_and_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="OP_DEVICE=gpu: there is no NVIDIA device"):
        wants_gpu("gpu", tmp_path)


@pytest.mark.usefixtures("nothing_installed")
def test_a_gpu_without_tensorflow_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    with pytest.raises(UsageError, match=r"TensorFlow is not installed: pip install 'visop\[gpu\]'"):
        wants_gpu("gpu", tmp_path)


@pytest.mark.usefixtures("nothing_installed")
def test_a_cpu_without_openvino_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"openvino is not installed: pip install 'visop\[cpu\]'"):
        load(device="cpu")


def test_auto_says_why_it_takes_the_cpu(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert not wants_gpu("auto", tmp_path)
    assert "OP_DEVICE=auto takes the CPU: there is no NVIDIA device" in caplog.text

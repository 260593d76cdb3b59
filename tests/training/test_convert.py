"""Encoder files that are made of other weights, by the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import run_command
from tests.models.conftest import needs
from visop.errors import SettingsError, UsageError
from visop.models import EngineOptions, Selection
from visop.models.encoder_file import read_header, read_stored, write_encoder_file
from visop.models.registry import MODELS
from visop.settings import Settings

SHIPPED = MODELS["embedded"].shipped or Path()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped encoder as a file from before 0.2: without ranges."""
    path = tmp_path_factory.mktemp("old") / "old.safetensors"
    header, tensors = read_header(SHIPPED), read_stored(SHIPPED)
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("ranges/")}
    write_encoder_file(path, model="embedded", pooling=header.pooling, dimension=256, tensors=weights, card=header.card)
    return path


@pytest.fixture(scope="module")
def converted(old: Path) -> Path:
    path = old.with_name("new.safetensors")
    assert run_command("convert", "--weights", old, "--out", path) == 0
    return path


@pytest.mark.slow
def test_weights_and_card_stay_and_ranges_are_those_that_are_shipped(old: Path, converted: Path) -> None:
    before, after, shipped = read_stored(old), read_stored(converted), read_stored(SHIPPED)
    assert all(np.array_equal(after[name], tensor) for name, tensor in before.items())
    assert all(after[name].dtype == tensor.dtype for name, tensor in before.items())
    assert after.keys() == shipped.keys()
    for name in after.keys() - before.keys():
        # Another version of the libraries that draw and compute may move them a little.
        np.testing.assert_allclose(after[name], shipped[name], rtol=0.05)
    card = read_header(converted).card
    assert card["calibration"] == read_header(old).card["calibration"]
    assert card["ranges"]["pictures"] == 64
    assert "visop" in card["made"]["before"]


@pytest.mark.slow
def test_the_name_of_the_old_file_is_known_to_the_new_one(old: Path, converted: Path) -> None:
    before, after = (Selection.of(Settings(weights=str(path))) for path in (old, converted))
    assert before.fingerprint("f32") != after.fingerprint("f32")
    assert before.fingerprint("f32") in after.older_fingerprints("int8")


@pytest.mark.slow
def test_a_file_that_has_ranges_is_copied(converted: Path, tmp_path: Path) -> None:
    assert run_command("convert", "--weights", converted, "--out", tmp_path / "again.safetensors") == 0
    settings = [Settings(weights=str(path)) for path in (converted, tmp_path / "again.safetensors")]
    assert len({Selection.of(each).fingerprint("int8") for each in settings}) == 1


@pytest.mark.slow
@needs("int8")
def test_without_ranges_auto_takes_another_precision_and_int8_is_refused(old: Path, tmp_path: Path) -> None:
    settings = Settings(weights=str(old), device="cpu", cache_dir=tmp_path)
    engine = Selection.of(settings).load(EngineOptions.of(settings))
    assert engine.precision in ("f32", "bf16")
    engine.close()
    forced = Settings(weights=str(old), device="cpu", cache_dir=tmp_path, precision="int8")
    with pytest.raises(SettingsError, match=r"OP_PRECISION=int8: .* `visop convert` makes an encoder file"):
        Selection.of(forced).load(EngineOptions.of(forced))


@pytest.mark.slow
def test_a_model_that_cannot_compute_in_eight_bits_gets_no_ranges(tmp_path: Path) -> None:
    path = tmp_path / "mobile.safetensors"
    assert run_command("convert", "--model", "mobilenetv2", "--weights", "random", "--out", path) == 0
    header = read_header(path)
    assert (header.model, header.dimension, header.has_ranges) == ("mobilenetv2", 1280, False)
    assert header.card["summary"] == "mobilenetv2 with random weights"


def test_a_name_that_will_not_do_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"out .*mine\.npy: must be a name that ends in \.safetensors"):
        run_command("convert", "--out", tmp_path / "mine.npy")

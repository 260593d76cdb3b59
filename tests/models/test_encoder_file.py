from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from visop.errors import WeightsError
from visop.models import encoder_file
from visop.models.encoder_file import (
    digests_of_file,
    read_header,
    read_stored,
    read_tensors,
    replace_card,
    write_encoder_file,
)
from visop.models.tensor_file import digests_of

FACTS: dict[str, Any] = {"format": 1, "model": "embedded", "pooling": "gem", "dimension": 3, "card": {"name": "test"}}


def make_tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "backbone/conv1/kernel": rng.standard_normal((3, 3, 3, 4)).astype(np.float16),
        "gem/p": np.array(3.5, np.float32),
        "head/kernel": rng.standard_normal((4, 5), np.float32),
        "head/bias": rng.standard_normal(5, np.float32),
        "whitening/kernel": rng.standard_normal((5, 3), np.float32),
        "whitening/bias": rng.standard_normal(3, np.float32),
        "ranges/conv1": np.array([-1.5, 20], np.float32),
    }


def write(path: Path, tensors: dict[str, np.ndarray] | None = None, **facts: Any) -> Path:
    given = {"model": "embedded", "pooling": "gem", "dimension": 3, "card": {"name": "test"}, **facts}
    write_encoder_file(path, tensors=make_tensors() if tensors is None else tensors, **given)
    return path


def forge(path: Path, metadata: dict[str, str] | None, tensors: dict[str, np.ndarray] | None = None) -> Path:
    save_file(make_tensors() if tensors is None else tensors, path, metadata)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "e.safetensors")
    header = read_header(path)
    assert (header.model, header.pooling, header.dimension, header.card) == ("embedded", "gem", 3, {"name": "test"})
    assert header.has_head
    assert header.has_whitening
    assert header.has_ranges
    assert header.shapes["backbone/conv1/kernel"] == (3, 3, 3, 4)
    found = read_tensors(path)
    assert all(tensor.dtype == np.float32 for tensor in found.values())
    assert all(np.array_equal(found[name], tensor) for name, tensor in make_tensors().items())


def test_arrays_in_any_order_of_memory_are_written_as_they_read(tmp_path: Path) -> None:
    tensors = make_tensors()
    tensors["head/kernel"] = np.asfortranarray(tensors["head/kernel"])
    assert write(tmp_path / "a.safetensors", tensors).read_bytes() == write(tmp_path / "b.safetensors").read_bytes()


def test_another_card_is_not_another_encoder_and_another_number_is(tmp_path: Path) -> None:
    tensors = make_tensors()
    digests = digests_of_file(write(tmp_path / "e.safetensors"))
    assert digests_of_file(write(tmp_path / "e.safetensors", card={"name": "other"})) == digests
    tensors["head/bias"][0] += 1e-3
    other = digests_of_file(write(tmp_path / "e.safetensors", tensors))
    assert (other.weights == digests.weights, other.ranges == digests.ranges) == (False, True)


def test_ranges_have_a_digest_of_their_own(tmp_path: Path) -> None:
    tensors = make_tensors()
    digests = digests_of_file(write(tmp_path / "e.safetensors"))
    tensors["ranges/conv1"] = np.array([-1.5, 21], np.float32)
    other = digests_of_file(write(tmp_path / "e.safetensors", tensors))
    assert (other.weights == digests.weights, other.ranges == digests.ranges) == (True, False)
    del tensors["ranges/conv1"]
    without = digests_of_file(write(tmp_path / "e.safetensors", tensors))
    assert (without.weights, without.ranges) == (digests.weights, "")
    assert not read_header(tmp_path / "e.safetensors").has_ranges


def test_tensors_have_the_digests_that_their_file_will_have(tmp_path: Path) -> None:
    assert digests_of(make_tensors()) == digests_of_file(write(tmp_path / "e.safetensors"))


def test_tensors_can_be_read_as_they_are_stored(tmp_path: Path) -> None:
    stored = read_stored(write(tmp_path / "e.safetensors"))
    assert {name: tensor.dtype for name, tensor in stored.items()} == {
        name: tensor.dtype for name, tensor in make_tensors().items()
    }


def test_a_card_can_be_replaced_and_nothing_else_changes(tmp_path: Path) -> None:
    path = write(tmp_path / "e.safetensors")
    digests, before = digests_of_file(path), read_header(path)
    replace_card(path, {**before.card, "metrics": {"recall": 0.9}})
    after = read_header(path)
    assert after.card == {"name": "test", "metrics": {"recall": 0.9}}
    assert (digests_of_file(path), after.shapes) == (digests, before.shapes)


@pytest.mark.parametrize(
    ("change", "facts", "complaint"),
    [
        ({"head/bias": np.zeros(5)}, {}, "head/bias is float64, must be float16 or float32"),
        ({"head/bias": np.full(5, np.nan, np.float32)}, {}, "holds NaN or inf, in head/bias"),
        ({"gem/p": np.array(0, np.float32)}, {}, "gem/p is 0.0, must be above 0"),
        ({"gem/p": np.ones(4, np.float32)}, {}, r"gem/p has shape \(4,\) and pooling gem, must be \(\) and gem"),
        ({}, {"pooling": "avg"}, r"gem/p has shape \(\) and pooling avg"),
        ({}, {"pooling": "auto"}, "'pooling' is 'auto', must be one of avg, max, gem, rmac, ramac"),
        ({}, {"dimension": 4}, "'dimension' is 4, the tensors give 3"),
        ({}, {"dimension": True}, "'dimension' is True, must be a whole number"),
        ({}, {"card": {"recall": float("nan")}}, "the card is not JSON"),
        ({}, {"card": {"text": "x" * 3_000_000}}, "the card has 3000"),
        ({"tail/kernel": np.ones(1, np.float32)}, {}, "tail/kernel is no tensor of an encoder"),
        ({"head/bias": np.zeros(4, np.float32)}, {}, r"must be \(inputs, outputs\) and \(outputs,\)"),
        ({"backbone/a": np.ones((0, 4), np.float32)}, {}, r"backbone/a has shape \(0, 4\): there are no numbers in it"),
        ({"ranges/conv1": np.ones((1, 2), np.float32)}, {}, r"ranges/conv1 has shape \(1, 2\), must be \(2,\)"),
        ({"ranges/conv1": np.array([1, 2], np.float32)}, {}, r"ranges/conv1 is \[1.0, 2.0\], must go from at most 0"),
        ({"whitening/kernel": np.ones((4, 3), np.float32)}, {}, r"must be \(5, outputs\) and \(outputs,\)"),
    ],
)
def test_what_is_no_encoder_is_not_written(
    change: dict[str, np.ndarray], facts: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=complaint):
        write(tmp_path / "e.safetensors", make_tensors() | change, **facts)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write(tmp_path / "e.safetensors").read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(WeightsError, match="cannot be written: No space left"):
        write(tmp_path / "e.safetensors", card={"name": "new"})
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"ends in \.safetensors"):
        write(tmp_path / "e.h5")


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        (None, "no encoder file: its metadata has no key 'visop'"),
        ({"visop": "{"}, "its metadata is not JSON"),
        ({"visop": "[" * 100_000}, "its metadata is not JSON"),
        ({"visop": "[]"}, "its metadata must be a JSON object"),
        ({"visop": json.dumps(FACTS | {"format": 2})}, "an encoder file of format 2; this visop reads 1"),
        ({"visop": json.dumps(FACTS | {"card": {"recall": 1.0}}).replace("1.0", "NaN")}, "its metadata is not JSON"),
        ({"visop": json.dumps(FACTS | {"card": {"recall": 1.5}}).replace("1.5", "1e999")}, "its metadata is not JSON"),
        ({"visop": json.dumps(FACTS | {"model": 7})}, "'model' must be a text"),
        ({"visop": json.dumps(FACTS | {"card": None})}, "'card' an object"),
        ({"visop": json.dumps(FACTS | {"dimension": 1 << 40})}, "must be a whole number from 1 to 65536"),
    ],
)
def test_a_forged_header_is_refused(metadata: dict[str, str] | None, complaint: str, tmp_path: Path) -> None:
    path = forge(tmp_path / "e.safetensors", metadata)
    with pytest.raises(WeightsError, match=complaint) as error:
        read_header(path)
    assert str(path) in str(error.value)


def test_numbers_that_are_no_weights_are_refused_when_they_are_read(tmp_path: Path) -> None:
    tensors = make_tensors() | {"head/bias": np.full(5, np.inf, np.float32)}
    path = forge(tmp_path / "e.safetensors", {"visop": json.dumps(FACTS)}, tensors)
    with pytest.raises(WeightsError, match="holds NaN or inf, in head/bias"):
        read_tensors(path)
    forge(path, {"visop": json.dumps(FACTS)}, make_tensors() | {"head/bias": np.zeros(5, np.int32)})
    with pytest.raises(WeightsError, match="head/bias is I32, must be F16 or F32"):
        read_header(path)


def test_a_tensor_without_numbers_is_refused_whatever_its_other_sides_claim(tmp_path: Path) -> None:
    header: dict[str, object] = {"__metadata__": {"visop": json.dumps(FACTS)}}
    header |= {"backbone/a": {"dtype": "F32", "shape": [0, 1 << 62], "data_offsets": [0, 0]}}
    text = json.dumps(header).encode()
    path = tmp_path / "e.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    for read in (read_header, read_tensors, digests_of_file):
        with pytest.raises(WeightsError, match=r"backbone/a has shape .* there are no numbers in it"):
            read(path)


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "e.safetensors"
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match="a header of 1099511627776 bytes, limit 4194304"):
        read_header(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_never_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    whole = write(tmp_path / "whole.safetensors").read_bytes()
    place, byte = data.draw(st.integers(0, 900)), data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(data.draw(st.sampled_from([whole[:place], whole[:place] + bytes([byte]) + whole[place + 1 :]])))
    with contextlib.suppress(WeightsError):
        read_tensors(damaged)


def test_a_missing_file_and_what_is_none_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("e.safetensors", "pipe.safetensors"):
        with pytest.raises(WeightsError, match="there is no such file"):
            read_header(tmp_path / name)


def test_reading_a_header_imports_no_framework() -> None:
    heavy = {"keras", "tensorflow", "openvino", "torch", "jax", "h5py"}
    code = f"import visop.models.encoder_file, sys; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == []


def test_a_build_that_is_repeated_has_the_same_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert encoder_file.made_now(seed=7)["date"] == "1970-01-02"
    assert encoder_file.made_now(seed=7)["seed"] == 7


def test_a_file_that_was_written_as_opkit_is_read(tmp_path: Path) -> None:
    path = forge(tmp_path / "e.safetensors", {"opkit": json.dumps(FACTS)})
    assert read_header(path).model == "embedded"

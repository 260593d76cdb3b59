from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import run_command
from visop.encoding.local import open_local
from visop.errors import UsageError, VisopError
from visop.models.encoder_file import read_header, read_tensors
from visop.settings import Settings

PICTURES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that differ, in two folders, and a file that is none."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    (folder / "more").mkdir()
    for number in range(PICTURES):
        blocks = rng.integers(0, 256, (2 + number % 9, 3, 3), np.uint8)
        Image.fromarray(blocks).resize((100, 80), Image.Resampling.BICUBIC).save(
            folder / ("more" if number % 2 else "") / f"{number:02}.png"
        )
    (folder / "zzz.jpg").write_bytes(b"not a picture")
    return folder


def run(*arguments: object) -> int:
    return run_command("whiten", *arguments)


@pytest.fixture(scope="module")
def whiten(model_cache: Path) -> Callable[..., int]:
    """The command, for the embedded network with random weights."""
    return lambda *arguments: run(*arguments, "--weights", "random", "--cache-dir", model_cache, "--device", "cpu")


@pytest.fixture(scope="module")
def whitened(folder: Path, whiten: Callable[..., int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "white.safetensors"
    assert whiten(folder, "--out", path, "--dimension", 8) == 0
    return path


def encode(folder: Path, cache: Path, weights: str) -> np.ndarray:
    """(PICTURES, D): the vectors that serving gives."""
    settings = Settings(weights=weights, precision="f32", device="cpu", cache_dir=cache)
    with open_local(settings) as encoder:
        files = [path.read_bytes() for path in sorted(folder.rglob("*.png"))]
        vectors = list(encoder.encode_stream(files, batch=8))
    return np.stack([vector for vector in vectors if not isinstance(vector, VisopError)])


@pytest.mark.slow
def test_the_vectors_it_was_learnt_from_are_white_and_served_as_numpy_says(
    folder: Path, model_cache: Path, whitened: Path
) -> None:
    base, served = encode(folder, model_cache, "random"), encode(folder, model_cache, str(whitened))
    tensors = read_tensors(whitened)
    white = base.astype(np.float64) @ tensors["whitening/kernel"] + tensors["whitening/bias"]
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(8), atol=1e-3)
    np.testing.assert_allclose(served, white / np.linalg.norm(white, axis=1, keepdims=True), atol=1e-4)


@pytest.mark.slow
def test_the_file_says_what_it_is(whitened: Path) -> None:
    header = read_header(whitened)
    assert (header.model, header.pooling, header.dimension) == ("embedded", "gem", 8)
    assert header.card["name"] == "white"
    assert header.card["whitening"]["base"].startswith("embedded-random-gem-bilinear-")
    assert header.card["whitening"]["pictures"] == PICTURES


@pytest.mark.slow
def test_a_picture_that_fails_is_named_and_left_out(
    folder: Path, whiten: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whiten(folder, "--out", tmp_path / "all.safetensors") == 0
    said = capsys.readouterr()
    assert f"left out: {folder / 'zzz.jpg'}: not an image" in said.err
    assert f"{PICTURES} pictures are few for 256 dimensions" in said.err
    assert f"of the variance of {PICTURES} pictures" in said.out
    assert 8 < read_header(tmp_path / "all.safetensors").dimension < PICTURES


@pytest.mark.slow
def test_a_whitened_encoder_is_not_whitened_again(folder: Path, whitened: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"white\.safetensors: is whitened already"):
        run(folder, "--out", tmp_path / "twice.safetensors", "--weights", whitened)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--out", "white.npy"], r"white\.npy: must be a name that ends in \.safetensors"),
        (["--out", "nowhere/white.safetensors"], "in a folder that is there"),
        (
            ["--out", "white.safetensors", "--dimension", "300"],
            "dimension 300: the vectors of embedded have only 256",
        ),
        (
            ["--out", "white.safetensors", "--dimension", "41"],
            "dimension 41: 41 pictures cannot whiten so many dimensions",
        ),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    arguments: list[str], complaint: str, folder: Path, whiten: Callable[..., int]
) -> None:
    with pytest.raises(UsageError, match=complaint):
        whiten(folder, *arguments)


def test_a_folder_that_is_not_there_is_told(whiten: Callable[..., int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing: no such folder"):
        whiten(tmp_path / "nothing", "--out", tmp_path / "w.safetensors")


@pytest.mark.slow
def test_the_built_in_encoder_is_whitened_whatever_operator_is_configured(
    folder: Path, whiten: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OP_OPERATOR", "tests.toys:ToyOperator")
    assert whiten(folder, "--out", tmp_path / "w.safetensors", "--dimension", 8) == 0


def test_the_help_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--help")
    assert "visop serve --weights whitened.safetensors" in capsys.readouterr().out

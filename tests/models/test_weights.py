from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from visop.errors import WeightsError
from visop.models.registry import MODELS
from visop.models.weights import find_weights

HDF5 = b"\x89HDF\r\n\x1a\n" + b"weights"
SPEC = replace(MODELS["vgg19"], weights_md5=hashlib.md5(HDF5).hexdigest())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with a Keras cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.keras/models").mkdir(parents=True)
    return tmp_path / "home"


def put(folder: Path, content: bytes = HDF5, name: str = SPEC.weights_file) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_the_published_file_is_found_in_the_data_folder_first(tmp_path: Path, home: Path) -> None:
    put(home / ".keras/models")
    path = put(tmp_path / "data")
    found = find_weights(SPEC, "imagenet", tmp_path / "data")
    assert (found.kind, found.path) == ("imagenet", path)
    assert found.sha256 == hashlib.sha256(HDF5).hexdigest()


def test_the_published_file_is_found_in_the_cache_of_keras(tmp_path: Path, home: Path) -> None:
    path = put(home / ".keras/models")
    assert find_weights(SPEC, "imagenet", tmp_path / "data").path == path


def test_a_missing_file_says_its_name_where_it_belongs_and_how_to_get_it(tmp_path: Path, home: Path) -> None:
    with pytest.raises(WeightsError) as error:
        find_weights(SPEC, "imagenet", tmp_path / "data")
    assert SPEC.weights_file is not None
    assert SPEC.weights_url is not None
    for part in (SPEC.weights_file, str(tmp_path / "data"), str(home), "data/prepare_model.sh vgg19", SPEC.weights_url):
        assert part in str(error.value)
    assert "OP_WEIGHTS=random" in str(error.value)


@pytest.mark.parametrize("model", ["vgg19", "mobilenetv2"])
def test_a_file_with_another_sha256_than_the_list_has_is_refused(tmp_path: Path, model: str) -> None:
    """Whether Keras publishes an md5, which can be forged, or none."""
    spec = replace(MODELS[model], weights_md5=MODELS[model].weights_md5 and SPEC.weights_md5)
    path = put(tmp_path / "data", name=str(spec.weights_file))
    listing = tmp_path / "data/weights.sha256"
    listing.write_text(f"{hashlib.sha256(HDF5).hexdigest()}  {path.name}\n{'0' * 64}  other.h5\n")
    assert find_weights(spec, "imagenet", tmp_path / "data").path == path
    listing.write_text(f"{'0' * 64}  {path.name}\n")
    with pytest.raises(WeightsError, match=f"{path} is not the file that was fetched first: .* says 0000"):
        find_weights(spec, "imagenet", tmp_path / "data")


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "data", HDF5[:-1])
    with pytest.raises(WeightsError, match=f"{path} is not the published file: its md5 is .*cut short or altered"):
        find_weights(SPEC, "imagenet", tmp_path / "data")


def test_where_no_digest_is_published_the_log_says_what_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "data")
    with caplog.at_level(logging.INFO):
        find_weights(replace(SPEC, weights_md5=None), "imagenet", tmp_path / "data")
    assert hashlib.sha256(HDF5).hexdigest() in caplog.text


def test_random_weights_say_so_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = find_weights(SPEC, "random", tmp_path)
    assert (found.kind, found.path) == ("random", None)
    assert "they mean nothing" in caplog.text


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = put(tmp_path, name="mine.weights.h5")
    found = find_weights(SPEC, str(path), tmp_path / "data")
    assert (found.kind, found.path) == ("file", path)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        pytest.param("a.h5", b"", "empty", id="empty"),
        pytest.param("a.h5", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", id="git-lfs"),
        pytest.param("a.h5", b"\n<html>403</html>", "a web page", id="web-page"),
        pytest.param("a.h5", b"PK\x03\x04", "something else; a .h5 file was expected", id="archive-as-hdf5"),
        pytest.param("a.keras", HDF5, "something else; a .keras file was expected", id="hdf5-as-archive"),
        pytest.param("a.pt", b"PK\x03\x04", "ends in .safetensors, .h5, .weights.h5 or .keras", id="pytorch"),
    ],
)
def test_what_cannot_be_weights_is_refused(name: str, content: bytes, what: str, tmp_path: Path) -> None:
    path = put(tmp_path, content, name)
    with pytest.raises(WeightsError, match=what) as error:
        find_weights(SPEC, str(path), tmp_path)
    assert str(path) in str(error.value)


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="weights imagenett: there is no such file; it takes auto, imagenet, ran"):
        find_weights(SPEC, "imagenett", tmp_path)

"""A seed is a picture: always the same one, and never another's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from visop.errors import UsageError
from visop.synthetic.generate import SERIES, SIZES, generate_folder, generate_picture

_PRINT_DIGESTS = """
import hashlib
from visop.synthetic.generate import generate_picture
for seed in range(0, 120, 8):
    print(hashlib.sha256(generate_picture(seed, 96).tobytes()).hexdigest())
"""


def _digests(threads: int) -> str:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONHASHSEED": str(threads)}
    run = subprocess.run([sys.executable, "-c", _PRINT_DIGESTS], env=environment, capture_output=True, check=True)
    return run.stdout.decode()


def _thumbnail(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Light only, 16x16, mean 0, length 1."""
    small = np.asarray(Image.fromarray(picture).convert("L").resize((16, 16), Image.Resampling.BOX), np.float64).ravel()
    small -= small.mean()
    return small / np.linalg.norm(small)


def _slope(picture: npt.NDArray[np.uint8]) -> float:
    """How fast the amplitude falls with the frequency: minus the slope in logarithms of both."""
    side = min(picture.shape[:2])
    light = picture[:side, :side].mean(axis=2)
    window = np.hanning(side)
    power = np.abs(np.fft.fftshift(np.fft.fft2((light - light.mean()) * window * window[:, None]))) ** 2
    radius = np.hypot(*(np.indices(power.shape) - side // 2)).astype(int).ravel()
    rings = np.bincount(radius, power.ravel()) / np.bincount(radius)
    frequencies = np.arange(3, side // 3)
    return float(-np.polyfit(np.log(frequencies), np.log(rings[frequencies]), 1)[0] / 2)


@pytest.fixture(scope="module")
def gallery() -> list[npt.NDArray[np.uint8]]:
    """One picture of each of 160 series."""
    return [generate_picture(seed, 96) for seed in range(0, 160 * SERIES, SERIES)]


@pytest.fixture(scope="module")
def series() -> list[list[npt.NDArray[np.uint8]]]:
    """Sixteen series."""
    return [[generate_picture(first + place, 48) for place in range(SERIES)] for first in range(0, 128, SERIES)]


def test_a_seed_gives_the_same_picture_in_other_processes_with_other_thread_counts() -> None:
    assert _digests(threads=1) == _digests(threads=4)


def test_the_order_in_which_pictures_are_made_does_not_matter() -> None:
    first = generate_picture(11, 64)
    generate_picture(12, 64)
    assert np.array_equal(generate_picture(11, 64), first)


@pytest.mark.parametrize("size", [32, 64, 129, 400])
def test_the_longer_side_is_the_size_and_the_ratio_one_of_a_camera(size: int) -> None:
    for seed in range(0, 80, 8):
        picture = generate_picture(seed, size)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert max(picture.shape[:2]) == size
        ratio = size / min(picture.shape[:2])
        assert min(abs(ratio - camera) for camera in (1.0, 4 / 3, 3 / 2, 16 / 9)) < 0.1


def test_both_upright_and_lying_pictures_are_made(gallery: list[npt.NDArray[np.uint8]]) -> None:
    assert any(len(picture) > len(picture[0]) for picture in gallery)
    assert any(len(picture) < len(picture[0]) for picture in gallery)


@pytest.mark.parametrize("size", [0, 31, 1025])
def test_a_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"size {size}: must be from 32 to 1024 pixels"):
        generate_picture(0, size)


def test_the_largest_size_can_be_made() -> None:
    assert max(generate_picture(0, SIZES[-1]).shape) == 1024


def test_no_two_pictures_are_alike_even_in_a_series(series: list[list[npt.NDArray[np.uint8]]]) -> None:
    thumbnails = np.stack([_thumbnail(picture) for pictures in series for picture in pictures])
    likeness = thumbnails @ thumbnails.T
    np.fill_diagonal(likeness, 0)
    assert likeness.max() < 0.99


def test_some_series_share_their_shape_and_colours_and_others_do_not(
    series: list[list[npt.NDArray[np.uint8]]],
) -> None:
    def alike(pictures: list[npt.NDArray[np.uint8]]) -> bool:
        colours = [picture.mean(axis=(0, 1)) for picture in pictures]
        return len({picture.shape for picture in pictures}) == 1 and float(np.std(colours, axis=0).mean()) < 15

    assert 4 <= sum(map(alike, series)) <= 12


def test_no_picture_is_blank(gallery: list[npt.NDArray[np.uint8]]) -> None:
    assert min(picture.std() for picture in gallery) > 8


def test_spectra_fall_as_those_of_photos(gallery: list[npt.NDArray[np.uint8]]) -> None:
    slopes = [_slope(picture) for picture in gallery]
    assert 1.0 < np.median(slopes) < 1.5
    assert np.percentile(slopes, 10) > 0.5
    assert np.percentile(slopes, 90) < 2.1


def test_light_and_colours_vary_as_in_photos(gallery: list[npt.NDArray[np.uint8]]) -> None:
    lights = np.array([picture.mean() for picture in gallery])
    assert 100 < lights.mean() < 130
    assert lights.min() < 60
    assert lights.max() > 170
    chroma = np.array([np.ptp(picture, axis=2).mean() for picture in gallery])
    assert 0.02 < np.mean(chroma < 4) < 0.3
    assert 0.1 < np.mean(chroma > 50) < 0.5


def test_a_folder_holds_numbered_pictures_of_consecutive_seeds(tmp_path: Path) -> None:
    generate_folder(tmp_path / "new", count=3, size=48, seed=5, processes=1)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["000000.jpg", "000001.jpg", "000002.jpg"]
    with Image.open(tmp_path / "new" / "000002.jpg") as image:
        difference = np.asarray(image, np.float64) - generate_picture(7, 48)
    assert np.abs(difference).mean() < 8


def test_more_processes_write_the_same_files(tmp_path: Path) -> None:
    for name, processes in (("one", 1), ("two", 2)):
        generate_folder(tmp_path / name, count=20, size=32, seed=0, processes=processes)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert files[0] == files[1]
    assert len(files[0]) == 20


def test_a_second_run_makes_only_what_is_missing(tmp_path: Path) -> None:
    generate_folder(tmp_path, count=4, size=32, seed=0, processes=1)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    (tmp_path / "000002.jpg").unlink()
    left = tmp_path / ".000002.jpg.1-1.part"
    left.write_bytes(b"what a killed run left")
    generate_folder(tmp_path, count=4, size=32, seed=0, processes=1)
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"000002.jpg", left.name}
    assert after["000002.jpg"][0] == before["000002.jpg"][0]


@pytest.mark.parametrize("other", [{"seed": 1}, {"size": 40}])
def test_pictures_of_another_seed_or_size_are_not_mixed_in(tmp_path: Path, other: dict[str, int]) -> None:
    generate_folder(tmp_path, count=1, size=32, seed=0, processes=1)
    changed = {"size": 32, "seed": 0} | other
    with pytest.raises(UsageError, match=r"000000.jpg: has 'visop generate, edition \d+, size 32, seed 0', this run"):
        generate_folder(tmp_path, count=2, size=changed["size"], seed=changed["seed"], processes=1)


def test_a_strangers_picture_is_not_taken_for_a_generated_one(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "000000.jpg")
    with pytest.raises(UsageError, match="has no comment on its origin, this run makes"):
        generate_folder(tmp_path, count=2, size=32, seed=0, processes=1)

"""A search that looks for proofs in the files of what it found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageOps

from visop.errors import UsageError
from visop.matching.features import Features
from visop.search.kept_features import KeptFeatures
from visop.search.show.summary import proof_words
from visop.settings import Settings

pytest.importorskip("cv2")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, max_image_bytes=5_000_000)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    data, folder = pytest.importorskip("skimage.data"), tmp_path / "photographs"
    folder.mkdir()
    for name in ("coffee", "chelsea"):
        PILImage.fromarray(getattr(data, name)()).resize((360, 240)).save(folder / f"{name}.jpg", quality=90)
    return folder


def part_of(picture: Path) -> PILImage.Image:
    with PILImage.open(picture) as whole:
        return ImageOps.mirror(whole.crop((90, 60, 270, 180)))


def test_a_proven_part_comes_first_below_any_threshold_with_its_outline(index, photographs):
    index.add([photographs])
    index.use_threshold(0.99999)
    part, original = part_of(photographs / "coffee.jpg"), str(photographs / "coffee.jpg")
    (match,) = index.search(part, 1, verify=True)
    assert (match.picture.names, match.is_copy, match.is_proven) == ((original,), True, True)
    assert np.abs(np.array(match.proof.found.outline) - [(270, 60), (90, 60), (90, 180), (270, 180)]).max() < 3
    assert proof_words(match).endswith("places alike, cut to 25 % of the area, mirrored")

    (photographs / "coffee.jpg").unlink()  # its features are kept
    first, second = index.search(part, 2, verify=True)
    assert (first.is_proven, second.is_proven, second.unverified) == (True, False, "")


def test_a_large_part_of_a_larger_picture_is_told_in_its_own_pixels(index, photographs, tmp_path):
    index.add([photographs])
    with PILImage.open(photographs / "coffee.jpg") as picture:
        picture.resize((1800, 1200)).save(tmp_path / "large.jpg", quality=40)
    large = tmp_path / "large.jpg"
    (match,) = index.search(large, 1, box=(0, 0, 1350, 900), verify=True)  # encoders get less than its pixels
    assert np.abs(np.array(match.proof.found.outline) - [(0, 0), (270, 0), (270, 180), (0, 180)]).max() < 3
    corners = [(0, 0), (1800, 0), (1800, 1200), (0, 1200)]
    assert np.abs(np.array(match.proof.found.outline_of_original) - corners).max() < 15
    assert match.proof.found.edits == ("cut to 56 % of the area", "scaled to 500 %")


def test_a_picture_whose_files_are_gone_is_proven_by_the_copy_that_the_index_keeps(open_index, photographs, tmp_path):
    with open_index(keep_originals=str(tmp_path / "kept")) as index:
        index.add([photographs])
        part = part_of(photographs / "coffee.jpg")
        for picture in photographs.iterdir():
            picture.unlink()
        found = {Path(match.picture.names[0]).stem: match for match in index.search(part, 2, verify=True)}
        assert found["coffee"].is_proven
        assert found["chelsea"].unverified == ""


def test_what_cannot_be_read_says_so_and_keeps_the_verdict_of_its_vector(index, photographs):
    index.add([photographs])
    index.use_threshold(0.5)
    part = part_of(photographs / "coffee.jpg")
    (photographs / "coffee.jpg").write_bytes((photographs / "chelsea.jpg").read_bytes())
    found = {Path(match.picture.names[0]).stem: match for match in index.search(part, 2, verify=2)}
    assert found["coffee"].proof is None
    assert found["coffee"].unverified == "no file of it can be read"
    assert found["coffee"].is_copy
    assert proof_words(found["coffee"]) == "not verified: no file of it can be read"


def test_no_more_are_verified_than_can_be_in_time(index, photographs):
    index.add([photographs])
    with pytest.raises(UsageError, match="verify 101: must be at most 100 pictures"):
        index.search(part_of(photographs / "coffee.jpg"), 1, verify=101)


def test_features_are_kept_as_they_are_and_the_oldest_go(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.random((3, 2)).astype(np.float32)
    descriptors, grey = rng.integers(0, 256, (3, 128), np.uint8), rng.integers(0, 256, (4, 5), np.uint8)
    with KeptFeatures(tmp_path / "features.sqlite", most=2) as kept:
        for name in ("a", "b", "c"):
            kept.put(name, Features(points, descriptors, grey, (40, 50)))
        assert kept.get("a") is None
        found = kept.get("c")
    assert found is not None
    assert found.size == (40, 50)
    for mine, theirs in ((found.points, points), (found.descriptors, descriptors), (found.grey, grey)):
        assert np.array_equal(mine, theirs)


def test_a_damaged_file_of_features_is_done_without(tmp_path):
    (tmp_path / "features.sqlite").write_bytes(b"not a database" * 100)
    with KeptFeatures(tmp_path / "features.sqlite") as kept:
        assert kept.get("a") is None

"""Indexes that opkit 0.1 made, in two precisions, are found, searched and added to by the encoder of today."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.models.conftest import needs
from visop.errors import OtherEncoder
from visop.models.registry import Precision
from visop.models.selection import Selection
from visop.search.calibration import copy_threshold
from visop.search.index import Index
from visop.settings import Settings

FOLDER = Path(__file__).parents[1] / "data" / "opkit-0.1"
PICTURES = sorted((FOLDER / "pictures").iterdir())
OLD = pytest.mark.parametrize("made_in", ["f32", "int8"])
NEW = pytest.mark.parametrize("precision", ["f32", pytest.param("int8", marks=needs("int8"))])


@pytest.fixture(scope="module")
def settings(model_cache: Path) -> Settings:
    return Settings(device="cpu", cache_dir=model_cache)


@contextmanager
def old_index(made_in: str, folder: Path, settings: Settings) -> Iterator[Index]:
    """A copy of one of the two."""
    with zipfile.ZipFile(FOLDER / f"index-{made_in}.zip") as archive:
        archive.extractall(folder / "old.db")
    with Index.open(str(folder / "old.db"), settings=settings) as index:
        yield index


@OLD
@NEW
def test_every_picture_is_found_again(made_in: str, precision: Precision, settings: Settings, tmp_path: Path) -> None:
    with old_index(made_in, tmp_path, replace(settings, precision=precision)) as index:
        assert index.count() == len(PICTURES)
        for path in PICTURES:
            (first, second) = index.search(path, k=2)
            assert Path(first.picture.names[0]).name == path.name
            assert first.cosine > 0.9  # of f32 and int8, drawings of few colours are the farthest apart
            assert second.cosine < first.cosine - 0.05
            assert first.is_copy  # by the threshold in the encoder's card, which the index finds by itself


@OLD
def test_it_takes_new_pictures_and_knows_its_own(made_in: str, settings: Settings, tmp_path: Path) -> None:
    new = tmp_path / "new.png"
    Image.effect_mandelbrot((200, 200), (-2, -1.5, 1, 1.5), 100).convert("RGB").save(new)
    with old_index(made_in, tmp_path, settings) as index:
        added = index.add([FOLDER / "pictures", new])
        assert (added.new, added.known, added.failed) == (1, len(PICTURES), 0)
        (first,) = index.search(new, k=1)
        assert first.picture.names == (str(new),)


@OLD
def test_its_copies_are_judged_by_the_card(made_in: str, settings: Settings, tmp_path: Path) -> None:
    with old_index(made_in, tmp_path, settings) as index:
        assert index.operator is not None
        threshold = copy_threshold(index.operator, settings)
        assert threshold == copy_threshold(replace(index.operator, fingerprint=own_fingerprint(settings)), settings)
        assert threshold is not None


def own_fingerprint(settings: Settings) -> str:
    return Selection.of(settings).fingerprint("f32")


@OLD
def test_another_encoder_is_refused_with_what_to_do(made_in: str, settings: Settings, tmp_path: Path) -> None:
    nearest = replace(settings, resize="nearest")
    with old_index(made_in, tmp_path, nearest) as index, pytest.raises(OtherEncoder) as caught:
        index.search(PICTURES[0])
    assert "resize bilinear, not nearest" in str(caught.value)
    assert "`visop reindex" in str(caught.value)
    assert "\n" not in str(caught.value)

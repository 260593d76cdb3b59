from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.conftest import PICTURES, Thumbnails, job_of, picture
from visop.errors import UsageError
from visop.evaluation.evaluate import Gallery, Job, Outcome, evaluate
from visop.evaluation.hashes import HashEncoder


def test_every_copy_is_looked_up_among_all_originals(evaluated: tuple[Job, Gallery, list[Outcome]]) -> None:
    _, gallery, [outcome] = evaluated
    assert len(gallery.originals) == PICTURES
    assert outcome.rankings.keys() == {"mirror", "brighter", "noise", "crop-25"}
    assert outcome.rankings["noise"].recall_at(1) == 1
    assert outcome.rankings["mirror"].recall_at(1) < 0.5
    assert outcome.impostors.pairs == 4 * PICTURES * (PICTURES - 1) == outcome.calibration.pairs
    assert outcome.originals.recall_at(1) == 1


def test_each_two_pictures_that_may_be_told_apart_are_counted_once(folder: Path) -> None:
    def group(path: str) -> str:
        return str(int(Path(path).stem) % 5)

    names = [str(path) for path in folder.iterdir()]
    apart = {frozenset(two) for two in product(names, names) if group(two[0]) != group(two[1])}
    for edits in (["mirror"], ["mirror", "noise", "grey"]):
        _, [outcome] = evaluate(job_of(folder, edits, group=group), [Thumbnails()], on_done=lambda: None)
        assert outcome.calibration.picture_pairs == len(apart)


def test_two_runs_give_the_same_numbers(folder: Path) -> None:
    once, again = (evaluate(job_of(folder), [Thumbnails()], on_done=lambda: None)[1][0] for _ in range(2))
    for name, ranking in once.rankings.items():
        assert (ranking.similarity == again.rankings[name].similarity).all()
    assert once.calibration == again.calibration


def test_encoders_side_by_side_get_the_numbers_that_they_get_alone(folder: Path) -> None:
    _, together = evaluate(job_of(folder), [Thumbnails(), HashEncoder("phash")], on_done=lambda: None)
    _, [alone] = evaluate(job_of(folder), [HashEncoder("phash")], on_done=lambda: None)
    assert [outcome.name for outcome in together] == ["thumbnails", "phash"]
    assert together[1].calibration == alone.calibration


def test_bad_files_and_files_with_the_same_pixels_are_left_out_and_named(folder: Path) -> None:
    shutil.copy(folder / "03.png", folder / "copy.png")
    picture(4).save(folder / "other-format.bmp")
    (folder / "broken.jpg").write_bytes((folder / "00.png").read_bytes()[:200])
    done: list[None] = []
    gallery, [outcome] = evaluate(job_of(folder), [Thumbnails()], on_done=lambda: done.append(None))
    assert {Path(path).name: Path(of).name for path, of in gallery.duplicates.items()} == {
        "copy.png": "03.png",
        "other-format.bmp": "04.png",
    }
    assert {Path(path).name: reason for path, reason in gallery.skipped.items()} == {
        "broken.jpg": "image is a damaged PNG: its data end early"
    }
    assert len(outcome.rankings["noise"].first) == PICTURES
    assert len(done) == PICTURES + 3


def test_an_encoder_with_one_vector_for_everything_has_no_duplicates_and_finds_nothing(folder: Path) -> None:
    class Collapsed(Thumbnails):
        def encode(self, inputs: object) -> np.ndarray:
            return np.full((len(super().encode(inputs)), 108), 108**-0.5, np.float32)  # type: ignore[arg-type]

    gallery, [outcome] = evaluate(job_of(folder), [Collapsed()], on_done=lambda: None)
    assert len(gallery.originals) == PICTURES
    assert all(ranking.recall_at(10) == 0 for ranking in outcome.rankings.values())


def test_a_picture_without_a_vector_is_counted_and_not_found(folder: Path) -> None:
    class Blind(Thumbnails):
        def prepare(self, image: np.ndarray) -> np.ndarray:
            return super().prepare(image) * (image.shape != (16, 20, 3))  # crop-25

    _, [outcome] = evaluate(job_of(folder), [Blind()], on_done=lambda: None)
    assert outcome.failed == PICTURES
    assert (outcome.rankings["crop-25"].first == PICTURES).all()


def test_a_single_picture_cannot_be_told_from_others(folder: Path) -> None:
    one = job_of(folder)
    with pytest.raises(UsageError, match="needs at least 2 different pictures; 1 could be read"):
        evaluate(job_of(folder, paths=one.paths[:1]), [Thumbnails()], on_done=lambda: None)


def test_a_folder_with_nothing_readable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="needs at least 2 different pictures; 0 could be read"):
        evaluate(job_of(tmp_path), [Thumbnails()], on_done=lambda: None)

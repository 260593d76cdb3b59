from __future__ import annotations

from itertools import islice
from pathlib import Path

from PIL import Image

from visop.synthetic.examples import write_examples


def test_a_series_has_pictures_and_an_edited_copy_of_one(tmp_path: Path) -> None:
    (paths,) = islice(write_examples(tmp_path), 1)
    assert [path.name for path in paths] == [f"picture-00{end}.jpg" for end in ("a", "b", "c", "a-mirror")]
    for path in paths:
        with Image.open(path) as image:
            assert max(image.size) == 384


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (paths,) = islice(write_examples(tmp_path), 1)
    times = [path.stat().st_mtime_ns for path in paths]
    (again,) = islice(write_examples(tmp_path), 1)
    assert [path.stat().st_mtime_ns for path in again] == times

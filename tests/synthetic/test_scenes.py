"""Scenes whose boxes are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visop.annotations.reading import Form, read_annotations
from visop.errors import UsageError
from visop.synthetic.scene_folder import generate_scenes
from visop.synthetic.scene_layout import LABELS, OVERSAMPLING
from visop.synthetic.scenes import draw_scene, scene_layout


def test_a_seed_gives_the_same_scene_every_time() -> None:
    np.testing.assert_array_equal(draw_scene(3, 64), draw_scene(3, 64))
    assert scene_layout(3, 64).truths == scene_layout(3, 64).truths
    assert scene_layout(3, 64).truths != scene_layout(4, 64).truths


def test_boxes_fit_what_can_be_seen_of_an_object_in_front_of_all_others() -> None:
    for seed in range(30):
        layout = scene_layout(seed, 128)
        if not layout.outlines:
            continue
        outline = np.clip(layout.outlines[-1] / OVERSAMPLING, 0, layout.size)
        x, y, w, h = layout.truths[-1].box
        np.testing.assert_allclose([x, y], outline.min(axis=0), atol=1.5)
        np.testing.assert_allclose([x + w, y + h], outline.max(axis=0), atol=1.5)


def test_scenes_have_all_labels_many_counts_and_sizes_and_boxes_inside() -> None:
    layouts = [scene_layout(seed, 128) for seed in range(60)]
    truths = [truth for layout in layouts for truth in layout.truths]
    assert {truth.label for truth in truths} == set(LABELS)
    assert {len(layout.truths) for layout in layouts} >= {1, 2, 3, 4, 5}
    widths = [truth.box[2] for truth in truths]
    assert min(widths) < 20 < 50 < max(widths)
    for layout in layouts:
        for truth in layout.truths:
            x, y, w, h = truth.box
            assert x >= 0 <= y
            assert x + w <= layout.size[0] + 0.5
            assert y + h <= layout.size[1] + 0.5


@pytest.mark.parametrize("form", ["voc", "coco"])
def test_a_folder_of_scenes_is_annotated_and_goes_on_where_it_was(tmp_path: Path, form: Form) -> None:
    generate_scenes(tmp_path, 2, 48, 7, 1, form)
    old = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    generate_scenes(tmp_path, 3, 48, 7, 1, form)
    assert all(path.stat().st_mtime_ns == time for path, time in old.items())
    annotations = read_annotations(tmp_path)
    assert [picture.path.name for picture in annotations.pictures] == ["000000.jpg", "000001.jpg", "000002.jpg"]
    for number, picture in enumerate(annotations.pictures):
        layout = scene_layout(7 + number, 48)
        assert picture.size == layout.size
        assert [truth.label for truth in picture.truths] == [truth.label for truth in layout.truths]
        for truth, wanted in zip(picture.truths, layout.truths, strict=True):
            np.testing.assert_allclose(truth.box, wanted.box, atol=1.01)


def test_scenes_do_not_go_where_others_are_annotated(tmp_path: Path) -> None:
    generate_scenes(tmp_path, 2, 48, 7, 1, "voc")
    with pytest.raises(UsageError, match=r"has annotations already, Annotations/\*\.xml: give another folder"):
        generate_scenes(tmp_path, 2, 48, 7, 1, "coco")
    with pytest.raises(UsageError, match=r"count 1: .* has 2 scenes already: give 2 or more, or another folder"):
        generate_scenes(tmp_path, 1, 48, 7, 1, "voc")
    other = tmp_path / "other"
    (other / "annotations").mkdir(parents=True)
    (other / "annotations" / "instances.json").write_text("{}")
    with pytest.raises(UsageError, match=r"has annotations already, annotations/instances\.json"):
        generate_scenes(other, 1, 48, 7, 1, "coco")

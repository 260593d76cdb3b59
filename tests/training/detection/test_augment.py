"""Other pictures of the same objects."""

from __future__ import annotations

import numpy as np

from visop.training.detection.augment import Example, augmented

_RED = (220, 20, 20)


def _example(*boxes: tuple[int, int, int, int]) -> Example:
    """Red boxes on blue, in a picture of 80 x 60 pixels."""
    image = np.full((60, 80, 3), (20, 20, 200), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = _RED
    edges = np.array(boxes, np.float32).reshape(-1, 4) / (80, 60, 80, 60)
    return Example(image, edges.astype(np.float32), np.arange(1, 1 + len(boxes)), np.ones(len(boxes), bool))


def test_boxes_stay_round_what_they_were_round() -> None:
    example = _example((10, 10, 30, 40))
    cut = 0
    for seed in range(60):
        made = augmented(example, np.random.default_rng(seed))
        height, width = made.image.shape[:2]
        pixels = made.image.astype(int)
        red = (pixels[..., 0] > pixels[..., 2] + 10) & (pixels[..., 0] > pixels[..., 1] + 10)
        if not red.any():  # its colours were taken away
            continue
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        wanted = [columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height]
        np.testing.assert_allclose(made.edges[0], wanted, atol=0.02)
        cut += (height, width) != (60, 80)
    assert cut > 20


def test_at_least_one_object_is_left_and_all_of_them_are_inside() -> None:
    example = _example((2, 2, 12, 12), (60, 40, 75, 55))
    counts = set()
    for seed in range(60):
        made = augmented(example, np.random.default_rng(seed))
        assert made.edges.min() >= 0
        assert made.edges.max() <= 1
        assert (made.edges[:, 2:] > made.edges[:, :2]).all()
        assert len(made.edges) == len(made.classes) == len(made.asked)
        counts.add(len(made.classes))
    assert counts == {1, 2}


def test_a_picture_of_nothing_stays_one_and_a_seed_gives_the_same_again() -> None:
    made = [augmented(_example(), np.random.default_rng(5)) for _ in range(2)]
    assert made[0].edges.shape == (0, 4)
    np.testing.assert_array_equal(made[0].image, made[1].image)

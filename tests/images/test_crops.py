from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from visop.detection import Detection
from visop.images.crops import CropOptions, crop, crop_file
from visop.images.overlay import overlay

IMAGE = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
SIZE = (60, 40)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((10, 5, 20, 10), slice(5, 15), slice(10, 30)),
        ((10.2, 5.9, 0.1, 0.05), slice(5, 6), slice(10, 11)),
        ((9.9999, 5, 20.0002, 10), slice(5, 15), slice(10, 30)),
        ((0, 0, 60, 40), slice(0, 40), slice(0, 60)),
        ((59.9999, 39.9999, 0.0001, 0.0001), slice(39, 40), slice(59, 60)),
    ],
    ids=["pixels", "less than a pixel", "rounding", "whole", "corner"],
)
def test_a_crop_has_every_pixel_that_its_box_touches(
    box: tuple[float, float, float, float], rows: slice, columns: slice
) -> None:
    np.testing.assert_array_equal(crop(IMAGE, box, SIZE), IMAGE[rows, columns])


def test_a_margin_is_a_share_of_the_box_and_ends_with_the_picture() -> None:
    assert crop(IMAGE, (10, 10, 20, 10), SIZE, margin=0.5).shape == (20, 40, 3)
    np.testing.assert_array_equal(crop(IMAGE, (0, 0, 20, 10), SIZE, margin=0.5), IMAGE[0:15, 0:30])


def test_a_crop_of_a_reduced_picture_is_cut_where_its_box_is() -> None:
    np.testing.assert_array_equal(crop(IMAGE, (40, 20, 80, 40), (240, 160)), IMAGE[5:15, 10:30])


def test_a_crop_file_is_a_jpeg_of_that_size() -> None:
    small, large = (crop_file(IMAGE, (10, 5, 20, 10), SIZE, CropOptions(quality)) for quality in (10, 95))
    with Image.open(io.BytesIO(large)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (20, 10))
    assert len(small) < len(large)


def test_the_overlay_draws_round_a_box_and_leaves_the_rest() -> None:
    image = np.full((200, 300, 3), 255, np.uint8)
    drawn = np.asarray(overlay(image, [Detection((100, 60, 80, 90), "dog", 0.9)], (300, 200)))
    assert (image == 255).all()
    assert (drawn[60, 140] != 255).any()
    assert (drawn[149, 140] != 255).any()
    assert (drawn[100, 110:170] == 255).all()
    assert (drawn[160:, :] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_the_overlay_of_a_picture_without_room_is_drawn_all_the_same(size: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    found = [Detection((0, 0, *size), "ünïcode 犬", 1.0, ((0, 0), (-5, 9)))]
    assert overlay(image, found, size).size == size

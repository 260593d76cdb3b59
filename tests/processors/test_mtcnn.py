from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from visop.errors import WeightsError
from visop.processors.mtcnn.crops import sampled
from visop.processors.mtcnn.pyramid import STRIDE, TILE, WINDOW, pyramid, scales, windows
from visop.processors.mtcnn.weights import O_NET, P_NET, R_NET, WeightsFile, read_weights, weights_folder


def noise(width: int, height: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(640, 480), (700, 520), (2000, 60), (41, 37), (21, 300)], ids=str)
def test_every_window_of_every_scale_stands_in_one_piece(size: tuple[int, int]) -> None:
    image = noise(*size)
    found = pyramid(image)
    assert found.tiles.shape[1:] == (TILE, TILE, 3)
    for scale in scales(*size):
        width, height = int(size[0] * scale), int(size[1] * scale)
        seen = np.zeros((windows(height + height % 2), windows(width + width % 2)), int)
        for piece in found.pieces:
            if piece.scale == scale:
                rows, columns = piece.y // STRIDE, piece.x // STRIDE
                seen[rows : rows + piece.rows, columns : columns + piece.columns] += 1
        assert (seen == 1).all()


def test_a_piece_has_the_pixels_of_its_scale() -> None:
    import cv2

    image = noise(700, 520)
    found = pyramid(image)
    for piece in found.pieces:
        size = int(700 * piece.scale), int(520 * piece.scale)
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        end = STRIDE * (piece.rows - 1) + WINDOW
        inside = found.tiles[piece.tile, piece.top : piece.top + end, piece.left : piece.left + WINDOW]
        expected = scaled[piece.y : piece.y + end, piece.x : piece.x + WINDOW]
        np.testing.assert_array_equal(inside[: len(expected)], expected)


@pytest.mark.parametrize("size", [(1, 1), (19, 500), (1, 5000)], ids=str)
def test_a_picture_without_room_for_a_face_has_no_tiles(size: tuple[int, int]) -> None:
    assert len(pyramid(noise(*size)).tiles) == 0


def test_a_large_picture_has_no_more_pixels_than_a_limit() -> None:
    assert 8000 * 6000 * scales(8000, 6000)[0] ** 2 <= 1_500_001


def test_crops_are_bilinear_and_grey_outside() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[...] = np.arange(40, dtype=np.uint8)[None, :, None]
    boxes = np.array([[10, 5, 30, 15], [-40, 0, -10, 10]], np.float32)
    inside, outside = sampled(image, boxes, 5)
    np.testing.assert_allclose(inside[:, :, 0], np.tile(np.linspace(10, 30, 5) * 39 / 40, (5, 1)), atol=1e-4)
    assert (outside == 127.5).all()


@pytest.mark.parametrize("file", [P_NET, R_NET, O_NET], ids=lambda file: file.name)
def test_the_arrays_are_those_that_joblib_reads(file: WeightsFile) -> None:
    import joblib  # type: ignore[import-untyped]

    expected = joblib.load(weights_folder() / file.name)
    arrays = read_weights(file, weights_folder())
    assert len(arrays) == len(expected)
    for array, same in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array.ravel(), same.ravel())


def test_another_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / P_NET.name).write_bytes(b"a pickle that deletes everything")
    with pytest.raises(WeightsError, match=r"is not the file of mtcnn 1\.0\.0"):
        read_weights(P_NET, tmp_path)
    with pytest.raises(WeightsError, match="No such file"):
        read_weights(R_NET, tmp_path)

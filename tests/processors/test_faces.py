"""The face detector, with its real weights. Building it takes seconds, so these tests are slow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from visop.contract import Processor
from visop.detection import Detection
from visop.processors.boxes import overlap

pytestmark = pytest.mark.slow


def astronaut(side: int = 512) -> npt.NDArray[np.uint8]:
    from skimage import data

    return np.asarray(Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC))


def edges(box: Any) -> npt.NDArray[np.float32]:
    x, y, w, h = box
    return np.array([x, y, x + w, y + h], np.float32)


# In a process of its own: it takes TensorFlow.
_REFERENCE = """
import json, sys
import numpy as np
from mtcnn import MTCNN
detector = MTCNN()
names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
for path in sys.argv[1:]:
    found = detector.detect_faces(np.load(path))
    print(json.dumps([(each["box"], [list(map(int, each["keypoints"][name])) for name in names]) for each in found]))
"""


def test_boxes_and_points_agree_with_the_package_that_the_weights_are_of(faces: Processor, tmp_path: Path) -> None:
    import json

    from skimage import data

    small = astronaut(256)
    pictures = [
        astronaut(),
        np.stack([data.camera()] * 3, -1),
        astronaut(170),
        np.tile(small, (2, 3, 1)),
        data.coffee(),
        astronaut(900),
        np.ascontiguousarray(astronaut(700)[60:500, 540:90:-1]),
        astronaut(330)[10:, 40:300] // 3,
    ]
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], picture)
    command = [sys.executable, "-c", _REFERENCE, *map(str, paths)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    expected = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [len(each) for each in expected] == [1, 1, 1, 6, 0, 1, 1, 1]
    for picture, references in zip(pictures, expected, strict=True):
        found = faces.execute(picture)
        assert len(found) == len(references)
        for box, points in references:
            shares = [overlap(edges(box), edges(each.box)[None])[0] for each in found]
            assert max(shares) >= 0.9
            match = found[int(np.argmax(shares))]
            assert np.abs(np.array(match.keypoints) - points).max() <= 3


def test_the_face_of_the_astronaut_is_found_with_its_points_in_it(faces: Processor) -> None:
    best, *_ = faces.execute(astronaut())
    assert best.label == "face"
    assert best.score > 0.95
    x, y, w, h = best.box
    assert all(x < left < x + w and y < top < y + h for left, top in best.keypoints)
    left_eye, right_eye, nose, *_ = best.keypoints
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1]


def test_pictures_of_many_sizes_share_a_batch_and_answer_as_alone(faces: Processor) -> None:
    pictures = [
        astronaut(300),
        np.zeros((1, 1, 3), np.uint8),
        astronaut(700)[:, 100:],
        np.zeros((5000, 1, 3), np.uint8),
    ]
    together = faces.bulk_execute(pictures)
    assert [len(each) > 0 for each in together] == [True, False, True, False]
    for picture, found in zip(pictures, together, strict=True):
        for one, other in zip(found, faces.execute(picture), strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.01)


def test_many_faces_and_noise_are_bounded(faces: Processor) -> None:
    crowd = np.tile(astronaut(128), (12, 16, 1))
    found = faces.execute(crowd)
    assert len(found) >= 180
    assert isinstance(found[0], Detection)
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    assert len(faces.execute(noise)) < 50


def test_fifty_megapixels_are_searched_for_large_faces(faces: Processor) -> None:
    picture = np.zeros((6100, 8200, 3), np.uint8)
    picture[1000:5000, 2000:6000] = astronaut(4000)
    assert max(each.score for each in faces.execute(picture)) > 0.95

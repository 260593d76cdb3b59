"""Face detectors in the form of YuNet, against what OpenCV makes of the same file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from visop.errors import SettingsError, WeightsError
from visop.processors.registry import built_in_processor
from visop.processors.yunet import OUTPUTS, STRIDES, OnnxFaces
from visop.settings import Settings

SIDE = 160


def write_detector(path: Path, *, side: int | str = SIDE, without: str = "", kps: int = 10, channels: int = 3) -> Path:
    """A network in the layout of face_detection_yunet, whose numbers are chance: what it finds depends on colours."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    random = np.random.default_rng(7)
    nodes, weights, outputs = [], [], []
    for stride in STRIDES:
        shrunk = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["input"], [f"small_{stride}"], **shrunk))
        for name, numbers in (OUTPUTS | {"kps": kps}).items():
            out = f"{name}_{stride}"
            if out == without:
                continue
            is_score = name in ("cls", "obj")
            kernel = random.normal(0, 0.08 if is_score else 0.01, (numbers, channels, 1, 1)).astype(np.float32)
            bias = np.full(numbers, 1.5 if is_score else 0.3, np.float32)
            weights.append(numpy_helper.from_array(kernel, f"kernel_{out}"))
            weights.append(numpy_helper.from_array(bias, f"bias_{out}"))
            weights.append(numpy_helper.from_array(np.array([1, -1, numbers]), f"shape_{out}"))
            nodes.append(helper.make_node("Conv", [f"small_{stride}", f"kernel_{out}", f"bias_{out}"], [f"map_{out}"]))
            last = f"map_{out}"
            if is_score:
                nodes.append(helper.make_node("Sigmoid", [last], [f"sigmoid_{out}"]))
                last = f"sigmoid_{out}"
            nodes.append(helper.make_node("Transpose", [last], [f"turned_{out}"], perm=[0, 2, 3, 1]))
            nodes.append(helper.make_node("Reshape", [f"turned_{out}", f"shape_{out}"], [out]))
            cells = (side // stride) ** 2 if isinstance(side, int) else f"cells_{stride}"
            outputs.append(helper.make_tensor_value_info(out, onnx.TensorProto.FLOAT, [1, cells, numbers]))
    sides = [side, side] if isinstance(side, int) else ["height", "width"]
    taken = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, channels, *sides])
    graph = helper.make_graph(nodes, "yunet", [taken], outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def picture(width: int = SIDE, height: int = SIDE) -> npt.NDArray[np.uint8]:
    """Blocks of chance colours, 20 pixels wide."""
    colours = np.random.default_rng(3).integers(0, 256, (-(-height // 20), -(-width // 20), 3), np.uint8)
    return np.ascontiguousarray(colours.repeat(20, 0).repeat(20, 1)[:height, :width])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_detector(tmp_path_factory.mktemp("yunet") / "yunet.onnx")


@pytest.fixture(scope="module")
def faces(path: Path) -> Iterator[OnnxFaces]:
    processor = OnnxFaces(path, Settings(threads=1))
    processor.load()
    yield processor
    processor.close()


def by_opencv(path: Path, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(N, 15) as FaceDetectorYN answers them, with its own defaults."""
    cv2 = pytest.importorskip("cv2")
    detector = cv2.FaceDetectorYN.create(str(path), "", (image.shape[1], image.shape[0]))
    found = detector.detect(np.ascontiguousarray(image[:, :, ::-1]))[1]
    return np.empty((0, 15), np.float32) if found is None else found


def rows_of(found: Any) -> npt.NDArray[np.float32]:
    rows = [[*each.box, *(side for point in each.keypoints for side in point), each.score] for each in found]
    return np.array(rows, np.float32).reshape(-1, 15)


def test_what_is_found_agrees_with_opencv(faces: OnnxFaces, path: Path) -> None:
    expected = by_opencv(path, picture())
    assert len(expected) > 10
    ends = np.clip(expected[:, :2] + expected[:, 2:4], 0, SIDE)  # OpenCV lets boxes stand out of the picture
    expected[:, :2] = np.clip(expected[:, :2], 0, SIDE)
    expected[:, 2:4] = ends - expected[:, :2]
    inside = (expected[:, 2:4] > 0).all(axis=1)
    np.testing.assert_allclose(rows_of(faces.execute(picture())), expected[inside], atol=2e-3)


def test_faces_of_a_smaller_picture_agree_with_opencv(faces: OnnxFaces, path: Path) -> None:
    small = picture(128, 96)
    padded = np.zeros((SIDE, SIDE, 3), np.uint8)
    padded[:96, :128] = small
    expected = by_opencv(path, padded)
    inside = (expected[:, :2] >= 0).all(axis=1) & (expected[:, :2] + expected[:, 2:4] <= (128, 96)).all(axis=1)
    found = rows_of(faces.execute(small))
    assert inside.sum() > 3
    for row in expected[inside]:
        assert np.abs(found - row).max(axis=1).min() < 2e-3


def test_boxes_and_points_of_a_larger_picture_are_in_its_own_pixels(faces: OnnxFaces) -> None:
    large = picture().repeat(4, 0).repeat(4, 1)
    expected, found = rows_of(faces.execute(picture())), rows_of(faces.execute(large))
    np.testing.assert_allclose(found[:, :14], expected[:, :14] * 4, atol=4)  # a pixel of the network's


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (4000, 3), (161, 1000)], ids=str)
def test_pictures_of_any_size_are_taken(faces: OnnxFaces, size: tuple[int, int]) -> None:
    for found in faces.execute(picture(*size)):
        x, y, w, h = found.box
        assert x + w <= size[0] + 0.01
        assert y + h <= size[1] + 0.01


def test_a_file_of_open_size_is_run_at_640(tmp_path: Path, path: Path) -> None:
    open_size = write_detector(tmp_path / "open.onnx", side="open")
    processor = OnnxFaces(open_size, Settings(threads=1))
    processor.load()
    assert processor.decode_side == 640
    assert processor.preprocess(picture(900, 300)).size == (640, 213)
    assert len(processor.execute(picture())) > 0
    assert processor.fingerprint != OnnxFaces(path).fingerprint
    assert processor.fingerprint.startswith("yunet-")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"without": "kps_16"}, "in the form of YuNet: it has no output kps_16"),
        ({"side": 100}, "multiples of 32"),
        ({"channels": 1}, "not (1, 3, height, width)"),
        ({"kps": 8}, "kps_8 has the shape (1, 400, 8), not (1, 400, 10)"),
    ],
    ids=str,
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, wrong: dict[str, Any], why: str) -> None:
    other = write_detector(tmp_path / "other.onnx", **wrong)
    with pytest.raises(WeightsError) as caught:
        OnnxFaces(other).load()
    assert (caught.value.field, caught.value.value) == ("weights", str(other))
    assert why in caught.value.why


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(WeightsError, match="cannot be read as ONNX"):
        OnnxFaces(tmp_path / "text.onnx").load()
    with pytest.raises(WeightsError, match="there is no such file"):
        OnnxFaces(tmp_path / "nothing.onnx")


def test_settings_choose_the_file(path: Path) -> None:
    chosen = built_in_processor("faces", Settings(), weights=str(path))
    named = built_in_processor(f"faces:{path}", Settings())
    assert isinstance(chosen, OnnxFaces)
    assert isinstance(named, OnnxFaces)
    assert chosen.fingerprint == named.fingerprint
    with pytest.raises(SettingsError, match="takes auto, which is MTCNN, or an ONNX file"):
        built_in_processor("faces", Settings(), weights="random")

"""``faces`` by a file of the user's: an ONNX face detector in the form of YuNet (Wu et al. 2023).

The form is that of OpenCV's model zoo (face_detection_yunet), and boxes are decoded as OpenCV's FaceDetectorYN does it:
https://github.com/opencv/opencv/blob/4.x/modules/objdetect/src/face_detect.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visop.contract import Image, Processor
from visop.detection import Detection
from visop.errors import WeightsError
from visop.files import file_sha256
from visop.images.decode import resize_image
from visop.models.engines.library import openvino
from visop.processors.boxes import Floats, suppress
from visop.settings import Settings

STRIDES = (8, 16, 32)

#: Numbers for each cell of the grid of a stride, by the output that has them.
OUTPUTS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}

# The defaults of FaceDetectorYN.
_SCORE, _OVERLAP, _MOST = 0.9, 0.3, 5000
# Of files that leave it open; most say so themselves.
_SIDE = 640
# exp() of more has no meaning for a box, and might not be finite.
_LARGEST_LOG = 10.0


@dataclass(frozen=True)
class _Canvas:
    """A picture as the network takes it: at its left upper corner, reduced if it is larger.

    Attributes:
        pixels: (1, 3, height, width) float32, BGR, 0 to 255, with zeros beside the picture.
        size: (width, height) of the picture on it.
    """

    pixels: Floats
    size: tuple[int, int]


class OnnxFaces(Processor):
    """Finds faces with their five points, in the order of ``visop.processors.faces.KEYPOINTS``.

    Args:
        path: of the file.
        settings: of the operator.
        setting: that named the file, for messages.
    """

    name = "faces"
    labels = ("face",)
    stacks = False
    max_batch = 8

    def __init__(self, path: Path, settings: Settings | None = None, setting: str = "weights") -> None:
        self._path, self._setting, self._settings = path, setting, settings or Settings()
        if not path.is_file():
            raise self._refusal("there is no such file")
        self.fingerprint = f"yunet-{file_sha256(path)[:12]}"

    def load(self) -> None:
        """Compile the network.

        Raises:
            UsageError: a package is missing.
            WeightsError: the file cannot be read, or has another form.
        """
        ov = openvino()
        from visop.models.engines.openvino import cpu_options

        core = ov.Core()
        try:
            model = core.read_model(self._path)
        except RuntimeError:
            raise self._refusal("cannot be read as ONNX") from None
        if why := _other_form(model):
            raise self._refusal(f"is no face detector in the form of YuNet: {why}")
        self._width, self._height = _size_of(model)
        self.decode_side = max(self._width, self._height)
        try:
            model.reshape([1, 3, self._height, self._width])
            compiled = core.compile_model(model, "CPU", cpu_options("f32", self._settings.threads))
        except RuntimeError as error:
            raise self._refusal(f"cannot be compiled: {str(error).splitlines()[-1][:200]}") from None
        self._request: Any = compiled.create_infer_request()
        self._check_answers()

    def preprocess(self, image: Image) -> _Canvas:
        """(H, W, 3) uint8 RGB of any size -> what the network takes."""
        height, width = image.shape[:2]
        scale = min(1.0, self._width / width, self._height / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        reduced = image if scale == 1 else resize_image(image, size[1], size[0], "bilinear")
        pixels = np.zeros((1, 3, self._height, self._width), np.float32)
        pixels[0, :, : size[1], : size[0]] = reduced[:, :, ::-1].transpose(2, 0, 1)
        return _Canvas(pixels, size)

    def infer(self, batch: Sequence[_Canvas]) -> list[Floats]:
        """For each picture (N, 15): x, y, w, h, x and y of five points, as shares of the picture, and the score.

        The files of the zoo take one picture at a time.
        """
        return [self._faces(each) for each in batch]

    def postprocess(self, raw: Floats, image_size: tuple[int, int]) -> list[Detection]:
        """Faces, cut off at the edges of the picture, the most certain first."""
        rows = raw[:, :14].reshape(-1, 7, 2) * np.asarray(image_size, np.float32)
        starts = np.clip(rows[:, 0], 0, image_size)
        sizes = np.clip(rows[:, 0] + rows[:, 1], 0, image_size) - starts
        return [
            Detection((*map(float, start), *map(float, size)), "face", float(score), _points(row[2:]))  # type: ignore[arg-type]
            for row, start, size, score in zip(rows, starts, sizes, raw[:, 14], strict=True)
            if size.min() > 0
        ]

    def _faces(self, canvas: _Canvas) -> Floats:
        found = np.concatenate([decode(each, stride, self._width) for stride, each in self._answers(canvas.pixels)])
        kept: Floats = found[selected(found)]
        kept[:, :14] /= np.tile(np.asarray(canvas.size, np.float32), 7)
        return kept

    def _answers(self, pixels: Floats) -> list[tuple[int, Mapping[str, Floats]]]:
        results = self._request.infer([pixels], share_inputs=True)
        return [(stride, {name: results[f"{name}_{stride}"][0] for name in OUTPUTS}) for stride in STRIDES]

    def _check_answers(self) -> None:
        """The shapes of a file may be open until it is run."""
        for stride, answers in self._answers(np.zeros((1, 3, self._height, self._width), np.float32)):
            cells = (self._width // stride) * (self._height // stride)
            for name, numbers in OUTPUTS.items():
                if answers[name].shape != (cells, numbers):
                    expected = (1, cells, numbers)
                    raise self._refusal(f"{name}_{stride} has the shape {(1, *answers[name].shape)}, not {expected}")

    def _refusal(self, why: str) -> WeightsError:
        return WeightsError(self._setting, str(self._path), why)


def decode(answers: Mapping[str, Floats], stride: int, width: int) -> Floats:
    """Faces above the least score, in pixels of the network's input.

    Args:
        answers: (cells, numbers) by name, as ``OUTPUTS``.
        stride: pixels from cell to cell.
        width: of the input, in pixels.

    Returns:
        (N, 15): x, y, w, h, x and y of five points, score.
    """
    scores = np.sqrt(np.clip(answers["cls"][:, 0], 0, 1) * np.clip(answers["obj"][:, 0], 0, 1))
    cells = np.flatnonzero(scores > _SCORE)
    rows, columns = np.divmod(cells, width // stride)
    corners = np.stack([columns, rows], axis=1).astype(np.float32)
    boxes = answers["bbox"][cells]
    sizes = np.exp(np.minimum(boxes[:, 2:], _LARGEST_LOG)) * stride
    starts = (corners + boxes[:, :2]) * stride - sizes / 2
    points = (answers["kps"][cells] + np.tile(corners, 5)) * stride
    found = np.hstack([starts, sizes, points, scores[cells, None]]).astype(np.float32)
    return found[np.isfinite(found).all(axis=1)]


def selected(found: Floats) -> Any:
    """Indices of those that no better one covers. FaceDetectorYN compares boxes in whole pixels, cut off towards 0."""
    whole = np.trunc(found[:, :4])
    boxes = np.hstack([whole[:, :2], whole[:, :2] + whole[:, 2:]])
    return suppress(boxes, found[:, 14], _OVERLAP, most=_MOST)


def _other_form(model: Any) -> str | None:
    """What of a model is not as in YuNet, or None."""
    wanted = {f"{name}_{stride}" for name in OUTPUTS for stride in STRIDES}
    known = {name for output in model.outputs for name in output.get_names()}
    if missing := sorted(wanted - known):
        return f"it has no output {', '.join(missing)}"
    if len(model.inputs) != 1:
        return f"it has {len(model.inputs)} inputs"
    sides = _sides(model)
    shape = tuple("any" if side is None else side for side in sides)
    if len(sides) != 4 or sides[0] not in (1, None) or sides[1] not in (3, None):
        return f"its input has the shape {shape}, not (1, 3, height, width)"
    if any(side % STRIDES[-1] for side in _size_of(model)):
        return f"its input has the shape {shape}; height and width must be multiples of {STRIDES[-1]}"
    return None


def _sides(model: Any) -> list[int | None]:
    """The shape of the input; None where it is open."""
    shape = model.inputs[0].partial_shape
    return [side.get_length() if side.is_static else None for side in shape] if shape.rank.is_static else []


def _size_of(model: Any) -> tuple[int, int]:
    """(width, height) that it takes."""
    *_, height, width = _sides(model)
    return width or _SIDE, height or _SIDE


def _points(row: Floats) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in row)

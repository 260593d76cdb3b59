"""``faces``: boxes and five points of faces, by MTCNN (Zhang et al. 2016)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visop.contract import Image, Processor
from visop.detection import Detection
from visop.models.engines.compiled import compiled_model
from visop.models.engines.library import openvino
from visop.processors.boxes import Floats, squares, suppress
from visop.processors.mtcnn.crops import sampled
from visop.processors.mtcnn.export import export_in_subprocess
from visop.processors.mtcnn.pyramid import STRIDE, TILE, WINDOW, Pyramid, pyramid
from visop.processors.mtcnn.weights import O_NET, P_NET, R_NET, WeightsFile, weights_folder
from visop.settings import Settings

#: In this order, as seen by who looks at the picture.
KEYPOINTS = ("left eye", "right eye", "nose", "left corner of the mouth", "right corner of the mouth")

# Probabilities of a face that each network must give. Those of the package that the weights are of; the paper has none.
_P_SCORE, _R_SCORE, _O_SCORE = 0.6, 0.7, 0.8
# Overlaps that suppress: within a scale, between scales and after the second network, and, of the smaller, at the end.
_SAME_SCALE, _UNION, _SMALLER = 0.5, 0.7, 0.7
# At most so many proposals go on, of a piece and of a picture, which bounds time and memory: a picture can be made so
# that every window is one.
_PIECE_MOST, _P_MOST, _R_MOST, _O_MOST = 400, 3000, 1500, 600
# Rows of a batch.
_TILES, _CROPS = 8, 256


@dataclass(frozen=True)
class _Picture:
    image: Image
    scales: Pyramid


class Faces(Processor):
    """Finds faces from 20 pixels up, of which larger ones only in pictures of more than four megapixels."""

    name = "faces"
    labels = ("face",)
    stacks = False
    fingerprint = f"mtcnn-{O_NET.sha256[:12]}"
    max_batch = 8

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()

    def load(self) -> None:
        """Compile the three networks.

        Raises:
            UsageError: a package is missing.
        """
        ov = openvino()
        from visop.models.engines.openvino import cpu_options

        weights_folder()  # said before anything is built
        made_of = " ".join([P_NET.sha256, R_NET.sha256, O_NET.sha256, str(TILE), ov.__version__])
        key = f"mtcnn-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
        core, options = ov.Core(), cpu_options("f32", self._settings.threads)
        with compiled_model(self._settings.cache_dir.expanduser(), key, export_in_subprocess) as folder:
            self._p_net, self._r_net, self._o_net = (
                _Network(core.compile_model(folder / _graph(file), "CPU", options)) for file in (P_NET, R_NET, O_NET)
            )

    def preprocess(self, image: Image) -> _Picture:
        """The picture at all scales."""
        return _Picture(image, pyramid(image))

    def infer(self, batch: Sequence[_Picture]) -> list[Floats]:
        """For each picture (N, 15): edges, score, x of the points, y of the points."""
        proposals = self._proposals(batch)
        refined = self._refined(batch, proposals)
        return self._outputs(batch, refined)

    def postprocess(self, raw: Floats, image_size: tuple[int, int]) -> list[Detection]:
        """Faces inside the picture, the most certain first."""
        limits = np.tile(np.asarray(image_size, np.float32), 2)
        edges = np.clip(raw[:, :4], 0, limits)
        sizes = edges[:, 2:] - edges[:, :2]
        return [
            Detection((*map(float, edge[:2]), *map(float, size)), "face", float(row[4]), _points(row))  # type: ignore[arg-type]
            for row, edge, size in zip(raw, edges, sizes, strict=True)
            if size.min() > 0
        ]

    def _proposals(self, batch: Sequence[_Picture]) -> list[Floats]:
        """Squares that may have faces, (N, 4), of each picture."""
        maps = self._p_net(np.concatenate([picture.scales.tiles for picture in batch]), _TILES)
        proposals, first = [], 0
        for picture in batch:
            count = len(picture.scales.tiles)
            proposals.append(_proposed(picture.scales, maps[first : first + count]))
            first += count
        return proposals

    def _refined(self, batch: Sequence[_Picture], proposals: Sequence[Floats]) -> list[Floats]:
        refined = []
        for boxes, answers in zip(proposals, self._looked_at(self._r_net, batch, proposals, 24), strict=True):
            good = answers[:, -1] > _R_SCORE
            corrected, scores = _corrected(boxes[good], answers[good, :4]), answers[good, -1]
            refined.append(squares(corrected[suppress(corrected, scores, _UNION, most=_O_MOST)]))
        return refined

    def _outputs(self, batch: Sequence[_Picture], refined: Sequence[Floats]) -> list[Floats]:
        outputs = []
        for boxes, answers in zip(refined, self._looked_at(self._o_net, batch, refined, 48), strict=True):
            good = answers[:, -1] > _O_SCORE
            rows = _with_points(boxes[good], answers[good])
            outputs.append(rows[suppress(rows[:, :4], rows[:, 4], _SMALLER, of="smaller")])
        return outputs

    @staticmethod
    def _looked_at(network: _Network, batch: Sequence[_Picture], boxes: Sequence[Floats], side: int) -> list[Floats]:
        """What a network says of boxes, those of all pictures together."""
        crops = [sampled(picture.image, each, side) for picture, each in zip(batch, boxes, strict=True)]
        answers = network(np.concatenate(crops), _CROPS)[:, :, 0, 0]
        return np.split(answers, np.cumsum([len(each) for each in boxes])[:-1])


class _Network:
    """A compiled network, in batches."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = [each.get_length() if each.is_static else 0 for each in compiled.output().partial_shape][1:]

    def __call__(self, inputs: Any, most: int) -> Floats:
        """Answers for (N, ...), at most so many at once."""
        answers = [
            np.array(self._request.infer([inputs[start : start + most]])[0]) for start in range(0, len(inputs), most)
        ]
        return np.concatenate(answers) if answers else np.empty((0, *self._outputs), np.float32)


def _proposed(scales: Pyramid, maps: Floats) -> Floats:
    """Squares in pixels of the picture, of the windows that look like a face.

    As in the authors' code, a window goes from its first pixel to its last, counted from 1, and is scaled back by the
    scale before the sides were rounded. With windows 12 wide and the rounded sides, 10 of the 64 faces that the package
    ``mtcnn`` found in 60 cuts of one photograph had an overlap below 0.9 with its box; so, it is one.
    """
    boxes, scores = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
    for piece in scales.pieces:
        answers = piece.of_map(maps)
        rows, columns = np.nonzero(answers[5] > _P_SCORE)
        if len(rows) == 0:
            continue
        corner = np.stack([columns * STRIDE + piece.x, rows * STRIDE + piece.y], axis=1).astype(np.float32)
        windows = np.hstack([corner + 1, corner + WINDOW]) + answers[:4, rows, columns].T * (WINDOW - 1)
        found = windows / np.float32(piece.scale)
        kept = suppress(found, answers[5, rows, columns], _SAME_SCALE, most=_PIECE_MOST)
        boxes.append(found[kept])
        scores.append(answers[5, rows, columns][kept])
    together = np.concatenate(boxes)
    return squares(together[suppress(together, np.concatenate(scores), _UNION, most=_P_MOST)[:_R_MOST]])


def _with_points(boxes: Floats, answers: Floats) -> Floats:
    """Rows as ``infer`` answers them, of boxes and what the last network says of them."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    x = boxes[:, :1] - 1 + sizes[:, :1] * answers[:, 4:9]
    y = boxes[:, 1:2] - 1 + sizes[:, 1:] * answers[:, 9:14]
    return np.hstack([_corrected(boxes, answers[:, :4]), answers[:, -1:], x, y])


def _corrected(boxes: Floats, corrections: Floats) -> Floats:
    """Move each edge by a share of the box."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + corrections * np.hstack([sizes, sizes])


def _points(row: Floats) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in zip(row[5:10], row[10:15], strict=True))


def _graph(file: WeightsFile) -> str:
    return str(Path(file.name).with_suffix(".xml"))

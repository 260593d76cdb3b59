"""How well a detector finds what is annotated in held-out pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.contract import Image as Pixels
from visop.detection import Detection
from visop.errors import TrainingFailed
from visop.evaluation.average_precision import MeanPrecision, mean_precision
from visop.processors.boxes import Floats
from visop.processors.ssd.coding import decode
from visop.processors.ssd.selection import SelectionRule, select
from visop.training.batches import Reader

logger = logging.getLogger(__name__)

_BATCH = 32

# With lower scores there are more boxes than are ever right; with higher ones the recall ends early.
_RULE = SelectionRule(score=0.02, overlap=0.45, most_per_class=100, most=200)


class DetectionValidation:
    """Held-out pictures, decoded once."""

    def __init__(
        self,
        held_out: Annotations,
        prepared: Callable[[Pixels], npt.NDArray[Any]],
        priors: Floats,
        reader: Reader,
        limit: int,
    ) -> None:
        """Read them.

        Args:
            held_out: with what is annotated in them.
            prepared: the detector's own.
            priors: of the detector.
            reader: decodes.
            limit: at most so many pictures, taken evenly from all.

        Raises:
            TrainingFailed: none of them can be read, or there is nothing in them.
        """
        chosen = np.unique(np.linspace(0, len(held_out.pictures) - 1, limit).astype(int))
        read = [(held_out.pictures[index], reader.read(held_out.pictures[index].path)) for index in chosen]
        found = [(picture, image) for picture, image in read if image is not None]
        self.pictures: Sequence[AnnotatedPicture] = [picture for picture, _ in found]
        if not any(truth.asked for picture in self.pictures for truth in picture.truths):
            raise TrainingFailed(f"in {len(found)} held-out pictures that can be read there is no object to find")
        self._labels, self._priors = held_out.labels, priors
        self._inputs = np.stack([prepared(image) for _, image in found])

    def measure(self, model: Any) -> MeanPrecision:
        """Measure a model in training: from inputs to offsets and logits."""
        parts = [model.predict_on_batch(self._inputs[at : at + _BATCH]) for at in range(0, len(self._inputs), _BATCH)]
        answers = np.concatenate([keras.ops.convert_to_numpy(part) for part in parts]).astype(np.float32)
        found = [
            _found(answer, self._priors, self._labels, picture.size)
            for answer, picture in zip(answers, self.pictures, strict=True)
        ]
        return mean_precision(found, [picture.truths for picture in self.pictures], self._labels)


def _found(answer: Floats, priors: Floats, labels: Sequence[str], size: tuple[int, int]) -> list[Detection]:
    scores = _softmax(answer[:, 4:])[:, 1:]
    edges = np.clip(decode(answer[:, :4], priors), 0, 1) * np.array([*size, *size], np.float32)
    rows, classes = select(edges, scores, _RULE)
    return [
        Detection((float(left), float(top), float(right - left), float(bottom - top)), labels[each], float(score))
        for (left, top, right, bottom), each, score in zip(edges[rows], classes, scores[rows, classes], strict=True)
    ]


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return result

"""How good the vectors are on held-out pictures: after every epoch in short, in the end under every transformation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from opkit.contract import Image as Pixels
from opkit.evaluation.metrics import Floats, rank
from opkit.evaluation.thresholds import Calibration, Impostors, calibrate
from opkit.pictures.transformations import TRANSFORMATIONS
from opkit.training.batches import Plan, Reader, edit_pixels
from opkit.training.folders import Pictures

_BATCH = 64
_EDITS = 2  # per picture and epoch

# Held-out pictures stay in memory; a side of this many pixels is enough for every cut that is made from them.
_MOST_PIXELS = 1024


class Validation:
    """Held-out pictures, decoded once, and the same random edits of them after every epoch."""

    def __init__(self, pictures: Pictures, plan: Plan, reader: Reader, limit: int) -> None:
        """Read them.

        Args:
            pictures: held out.
            plan: of training; its seed and preprocessing are used.
            reader: decodes.
            limit: at most so many pictures, taken evenly from all.
        """
        chosen = np.unique(np.linspace(0, len(pictures.paths) - 1, limit).astype(int))
        read = [(pictures.identities[index], reader.read(pictures.paths[index])) for index in chosen]
        self.identities = np.array([identity for identity, image in read if image is not None])
        self._images = [_small(image) for _, image in read if image is not None]
        self._plan = plan
        self._gallery = np.stack([plan.preprocess(image) for image in self._images])
        self._queries = np.stack(
            [
                plan.preprocess(edit_pixels(image, plan.working_side, np.random.default_rng([plan.seed, edit, index])))
                for edit in range(_EDITS)
                for index, image in enumerate(self._images)
            ]
        )

    def recall(self, model: Any) -> float:
        """Recall@1 of edited held-out pictures among the originals."""
        gallery, queries = encode(model, self._gallery), encode(model, self._queries)
        return rank(queries, gallery, np.tile(self.identities, _EDITS), self.identities).recall_at(1)

    def measure(self, model: Any, data: str) -> tuple[dict[str, float], Calibration]:
        """Recall@1 under every named transformation, and thresholds for "this is a copy".

        Args:
            model: from images to vectors.
            data: what the pictures are, in words, for the card.
        """
        gallery = encode(model, self._gallery)
        impostors, true, recalls = Impostors(), {}, {}
        for name, queries in self._transformed():
            ranking = rank(
                encode(model, queries), gallery, self.identities, self.identities, on_impostors=impostors.add
            )
            true[name], recalls[name] = ranking.similarity, ranking.recall_at(1)
        return recalls, calibrate(true, impostors, pictures=len(self._images), data=data)

    def _transformed(self) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
        for name, transformation in TRANSFORMATIONS.items():
            yield name, np.stack([self._transform(transformation.apply, index) for index in range(len(self._images))])

    def _transform(self, apply: Callable[[Image.Image, np.random.Generator], Image.Image], index: int) -> Pixels:
        picture = Image.fromarray(self._images[index])
        return self._plan.preprocess(np.asarray(apply(picture, np.random.default_rng([self._plan.seed, index]))))


def _small(image: Pixels) -> Pixels:
    picture = Image.fromarray(image)
    picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
    return np.asarray(picture)


def encode(model: Any, images: Sequence[Pixels] | npt.NDArray[np.uint8]) -> Floats:
    """The vectors (N, dimension) float32 of model inputs (N, height, width, 3) uint8."""
    parts = [model.predict_on_batch(np.asarray(images[at : at + _BATCH])) for at in range(0, len(images), _BATCH)]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts]).astype(np.float32)

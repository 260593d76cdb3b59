"""How good the vectors are on held-out pictures: after every epoch in short, in the end under every transformation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from opkit.contract import Image as Pixels
from opkit.errors import TrainingFailed
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

        Raises:
            TrainingFailed: fewer than two of them can be read.
        """
        chosen = np.unique(np.linspace(0, len(pictures.paths) - 1, limit).astype(int))
        read = [(pictures.identities[index], reader.read(pictures.paths[index])) for index in chosen]
        if sum(image is not None for _, image in read) < 2:
            raise TrainingFailed(
                f"of {len(read)} held-out pictures fewer than 2 can be read; {next(iter(reader.failures.values()))}"
            )
        self.identities = np.array([identity for identity, image in read if image is not None])
        images = [_small(image) for _, image in read if image is not None]
        self._plan = plan
        shown, asked = roles(self.identities) if pictures.labels == "folders" else 2 * (np.arange(len(images)),)
        self._shown, self._asked = self.identities[shown], self.identities[asked]
        self._originals = {int(index): images[index] for index in asked}
        self._gallery = np.stack([plan.preprocess(images[index]) for index in shown])
        self._queries = np.stack(
            [
                plan.preprocess(edit_pixels(image, plan.working_side, np.random.default_rng([plan.seed, edit, index])))
                for edit in range(_EDITS)
                for index, image in self._originals.items()
            ]
        )

    def recall(self, model: Any) -> float:
        """Recall@1 of edited held-out pictures among the originals."""
        gallery, queries = encode(model, self._gallery), encode(model, self._queries)
        return rank(queries, gallery, np.tile(self._asked, _EDITS), self._shown).recall_at(1)

    def measure(self, model: Any, data: str) -> tuple[dict[str, float], Calibration]:
        """Recall@1 under every named transformation, and thresholds for "this is a copy".

        Args:
            model: from images to vectors.
            data: what the pictures are, in words, for the card.
        """
        gallery = encode(model, self._gallery)
        impostors, true, recalls = Impostors(), {}, {}
        for name, queries in self._transformed():
            ranking = rank(encode(model, queries), gallery, self._asked, self._shown, on_impostors=impostors.add)
            true[name], recalls[name] = ranking.similarity, ranking.recall_at(1)
        return recalls, calibrate(true, impostors, pictures=len(self.identities), data=data)

    def _transformed(self) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
        for name, transformation in TRANSFORMATIONS.items():
            yield name, np.stack([self._transform(transformation.apply, index) for index in self._originals])

    def _transform(self, apply: Callable[[Image.Image, np.random.Generator], Image.Image], index: int) -> Pixels:
        picture = Image.fromarray(self._originals[index])
        return self._plan.preprocess(np.asarray(apply(picture, np.random.default_rng([self._plan.seed, index]))))


def roles(identities: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Who is in the gallery and who asks, where several pictures show the same.

    A copy of a picture must not find that very picture: what people's labels ask for is that others are found. So
    every other picture of an identity asks, and the rest is the gallery. A picture that is the only one does both.

    Args:
        identities: (N,).

    Returns:
        Rows of the gallery, and rows of those that ask.
    """
    turn = np.array([np.count_nonzero(identities[:row] == identity) for row, identity in enumerate(identities)])
    alone = np.array([np.count_nonzero(identities == identity) == 1 for identity in identities])
    return np.flatnonzero(turn % 2 == 0), np.flatnonzero((turn % 2 == 1) | alone)


def _small(image: Pixels) -> Pixels:
    picture = Image.fromarray(image)
    picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
    return np.asarray(picture)


def encode(model: Any, images: Sequence[Pixels] | npt.NDArray[np.uint8]) -> Floats:
    """The vectors (N, dimension) float32 of model inputs (N, height, width, 3) uint8."""
    parts = [model.predict_on_batch(np.asarray(images[at : at + _BATCH])) for at in range(0, len(images), _BATCH)]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts]).astype(np.float32)

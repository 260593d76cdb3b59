"""How good the vectors are on held-out pictures: after every epoch in short, in the end under every transformation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from visop.contract import Image as Pixels
from visop.errors import TrainingFailed, VisopError
from visop.evaluation.metrics import Floats, Ranking, rank
from visop.evaluation.samples import digest, read_original, transform
from visop.evaluation.thresholds import Calibration, Impostors, calibrate
from visop.images.decode import ImageLimits
from visop.synthetic.transformations import TRANSFORMATIONS
from visop.training.batches import Plan, edit_pixels
from visop.training.folders import Pictures

logger = logging.getLogger(__name__)

Preprocess = Callable[[Pixels], Pixels]

_BATCH = 64
_EDITS = 2  # per picture and epoch


class Validation:
    """Held-out pictures, decoded once, and the same random edits of them after every epoch.

    Attributes:
        identities: of those that could be read.
    """

    def __init__(self, pictures: Pictures, plan: Plan, limits: ImageLimits, limit: int) -> None:
        """Read them.

        Args:
            pictures: held out.
            plan: of training; its seed and preprocessing are used.
            limits: on the files.
            limit: at most so many pictures, taken evenly from all.

        Raises:
            TrainingFailed: fewer than two of them can be read.
        """
        chosen = np.unique(np.linspace(0, len(pictures.paths) - 1, limit).astype(int))
        read = [(pictures.identities[index], _read(pictures.paths[index], limits)) for index in chosen]
        found = [(identity, original) for identity, original in read if original is not None]
        if len(found) < 2:
            raise TrainingFailed(f"of {len(read)} held-out pictures fewer than 2 can be read; the log says why")
        self.identities = np.array([identity for identity, _ in found])
        self._originals = [original for _, original in found]
        self._plan = plan
        every: npt.NDArray[Any] = np.arange(len(found))
        self._shown, self._asked = roles(self.identities) if pictures.labels == "folders" else (every, every)
        self._gallery = self._show(plan.preprocess)
        self._queries = np.stack([self._edit(index, edit) for edit in range(_EDITS) for index in self._asked])

    def recall(self, model: Any) -> float:
        """Recall@1 of edited held-out pictures among the originals."""
        return self._rank(encode(model, self._queries), encode(model, self._gallery), _EDITS).recall_at(1)

    def measure(self, model: Any, preprocess: Preprocess, data: str) -> tuple[dict[str, float], Calibration]:
        """Recall@1 under every named transformation, and thresholds for "this is a copy".

        The edits are the very ones that ``visop evaluate`` makes of these files with this seed.

        Args:
            model: from images to vectors; may be of another size than the one in training.
            preprocess: for it: (H, W, 3) uint8 -> its input.
            data: what the pictures are, in words, for the card.
        """
        gallery = encode(model, self._show(preprocess))
        keys = [digest(original) for original in self._originals]
        impostors, true, recalls = Impostors(), {}, {}
        for name, transformation in TRANSFORMATIONS.items():
            edited = (
                transform(self._originals[index], transformation, keys[index], self._plan.seed) for index in self._asked
            )
            queries = encode(model, np.stack([preprocess(image) for image in edited]))
            ranking = self._rank(queries, gallery, on_impostors=impostors.add)
            true[name], recalls[name] = ranking.similarity, ranking.recall_at(1)
        return recalls, calibrate(true, impostors, pictures=len(self.identities), data=data)

    def _show(self, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
        return np.stack([preprocess(np.asarray(self._originals[index])) for index in self._shown])

    def _edit(self, index: int, edit: int) -> Pixels:
        rng = np.random.default_rng([self._plan.seed, edit, index])
        return self._plan.preprocess(edit_pixels(np.asarray(self._originals[index]), self._plan.working_side, rng))

    def _rank(self, queries: Floats, gallery: Floats, times: int = 1, **options: Any) -> Ranking:
        """``queries`` are those of all pictures that ask, several times over."""
        asked = np.tile(self.identities[self._asked], times)
        return rank(queries, gallery, asked, self.identities[self._shown], **options)


def _read(path: Path, limits: ImageLimits) -> Image.Image | None:
    try:
        return read_original(str(path), limits)
    except VisopError as error:
        logger.warning("%s is left out: %s", path, error)
        return None


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


def encode(model: Any, images: Sequence[Pixels] | npt.NDArray[np.uint8]) -> Floats:
    """The vectors (N, dimension) float32 of model inputs (N, height, width, 3) uint8."""
    parts = [model.predict_on_batch(np.asarray(images[at : at + _BATCH])) for at in range(0, len(images), _BATCH)]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts]).astype(np.float32)

"""The interface that a user's operator implements, and the guarantees that the server gives it.

The server calls ``load`` once, before the port opens; then ``preprocess`` from many threads and ``infer`` from one
thread; and ``close`` once, after the last call. The base class implements ``execute`` and ``bulk_execute`` with these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.errors import ModelFailed
from visop.stacking import stacked
from visop.vectors import normalise

Image = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class OperatorInfo:
    """What an operator is: as Identity says it, and as an index or a file of vectors keeps it.

    Attributes:
        name: as the search engine shows it.
        fingerprint: of its vector space; empty if it does not say.
        dimension: the length of its vectors.
        metric_type: that they are compared by: ``L2``, ``IP`` or ``COSINE``.
        older_fingerprints: names that earlier versions gave the same vector space.
        precision: of the arithmetic; empty if unknown.
        type: its kind, such as ``encoder``.
        input: what it takes.
        output: what it gives.
    """

    name: str
    fingerprint: str
    dimension: int
    metric_type: str
    type: str = "encoder"
    input: str = "image"
    output: str = "vector"
    older_fingerprints: frozenset[str] = field(default=frozenset(), compare=False)
    precision: str = field(default="", compare=False)


class Encoder(ABC):
    """An image model: RGB arrays in, L2-normalised vectors out.

    Subclasses define ``name`` and ``dimension`` and implement ``infer``; most also implement ``load`` and
    ``preprocess``.
    """

    type = "encoder"
    input = "image"
    output = "vector"
    metric_type = "L2"

    #: The largest batch that the server passes to ``infer``.
    max_batch = 8

    #: Allows the server to decode a JPEG at a reduced scale as long as both sides keep at least this many pixels, which
    #: makes a 12-megapixel picture five times cheaper. None: always decode at full resolution.
    decode_side: int | None = None

    #: Names the vector space. It must change whenever vectors can no longer be compared with earlier ones; an index
    #: refuses vectors with another fingerprint.
    fingerprint = ""

    #: Names that earlier versions gave the same vector space.
    older_fingerprints: frozenset[str] = frozenset()

    #: The precision of the arithmetic, such as ``bf16``, for people to see.
    precision = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """The operator's name, as a search engine shows it."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The length of a vector."""

    def load(self) -> None:  # noqa: B027 - a model that needs no loading need not say so
        """Load weights and compile the model. It may take long: the port opens only after it and a warm-up."""

    def close(self) -> None:  # noqa: B027 - as above
        """Release what ``load`` acquired."""

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """Turn one image into one input of the model. Called from many threads at once.

        Args:
            image: (H, W, 3) uint8 RGB, 0 to 255, upright, of any size from 1 x 1.

        Returns:
            An array of the same shape and dtype for every image, so that a batch can be stacked.
        """
        return image

    @abstractmethod
    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Run the model. Called from one thread only.

        Args:
            batch: (N, ...), the stacked results of ``preprocess``; 1 <= N <= ``max_batch``.

        Returns:
            (N, dimension) float, in the order of the batch. The vectors need not be normalised.
        """

    def info(self) -> OperatorInfo:
        """Collect what the Identity call reports about this operator."""
        return OperatorInfo(
            name=self.name,
            type=self.type,
            input=self.input,
            output=self.output,
            dimension=int(self.dimension),
            metric_type=self.metric_type,
            fingerprint=self.fingerprint,
            older_fingerprints=self.older_fingerprints,
            precision=self.precision,
        )

    def warm_up(self) -> None:
        """Check that the model works by encoding a grey image. The server also calls this after a failure.

        Raises:
            ModelFailed: the model does not work; ``detail`` says why.
        """
        self.execute(np.full((64, 64, 3), 128, np.uint8))

    def execute(self, image: Image) -> Vector:
        """Encode one image into a vector of unit length, (dimension,) float32.

        Raises:
            ModelFailed: ``infer`` returned NaN, inf, zeros, or a wrong count or dimension, or ``preprocess`` returned
                several shapes.
        """
        return self.bulk_execute([image])[0]

    def bulk_execute(self, images: Sequence[Image]) -> list[Vector]:
        """Encode images in batches of up to ``max_batch``; one vector per image, in order. Raises as ``execute``."""
        vectors: list[Vector] = []
        for start in range(0, len(images), self.max_batch):
            batch = stacked([self.preprocess(image) for image in images[start : start + self.max_batch]])
            for result in self.infer_checked(batch):
                if isinstance(result, ModelFailed):
                    raise result
                vectors.append(result)
        return vectors

    def infer_checked(self, batch: npt.NDArray[Any]) -> list[Vector | ModelFailed]:
        """Run ``infer``, check every row of the result and normalise it.

        Returns:
            For each row, a unit vector, (dimension,) float32 that owns its memory, or the error of that row.

        Raises:
            ModelFailed: the result has a wrong count or dimension, so that no row can be used.
        """
        vectors = np.asarray(self.infer(batch), dtype=np.float32)
        expected = (len(batch), int(self.dimension))
        if vectors.shape != expected:
            raise ModelFailed(f"infer answered shape {vectors.shape}, expected {expected}")
        return [normalise(row) for row in vectors]

"""The interface that a user's operator implements, and the guarantees that the server gives it.

An operator is an ``Encoder``, which turns pictures into vectors, or a ``Processor``, which finds parts of them. The
server calls ``load`` once, before the port opens; then ``preprocess`` and ``postprocess`` from many threads and
``infer`` from one thread; and ``close`` once, after the last call. The base classes implement ``execute`` and
``bulk_execute`` with these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.detection import Detection, checked_detections
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
        descriptors: the names of the descriptors that a vector has side by side, each as long as the others; empty if
            it is one. See ``visop.vectors.descriptors_of``.
        type: its kind, such as ``encoder``.
        input: what it takes.
        output: what it gives.
        labels: what a processor may find; empty if it does not say.
        parts: the processor of a pipeline, such as ``regions:10``; empty if pictures are encoded whole.
    """

    name: str
    fingerprint: str
    dimension: int
    metric_type: str
    type: str = "encoder"
    input: str = "image"
    output: str = "vector"
    labels: tuple[str, ...] = field(default=(), compare=False)
    parts: str = ""
    older_fingerprints: frozenset[str] = field(default=frozenset(), compare=False)
    precision: str = field(default="", compare=False)
    descriptors: tuple[str, ...] = field(default=(), compare=False)


# (64, 64, 3), black and white squares of 8 pixels: of an even picture, feature maps may be zeros.
_SQUARES = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((8, 8)))[:, :, None].repeat(3, 2).astype(np.uint8) * 255


class Operator(ABC):
    """What encoders and processors have in common."""

    type: str
    input = "image"
    output: str
    metric_type: str

    #: The largest batch that the server passes to ``infer``.
    max_batch = 8

    #: Allows the server to decode a JPEG at a reduced scale as long as both sides keep at least this many pixels, which
    #: makes a 12-megapixel picture five times cheaper. None: always decode at full resolution.
    decode_side: int | None = None

    #: Names what the results are comparable with, which is the vector space of an encoder. It must change whenever
    #: vectors can no longer be compared with earlier ones; an index refuses vectors with another fingerprint.
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
        """The length of a vector; -1 if it gives none."""

    def load(self) -> None:  # noqa: B027 - a model that needs no loading need not say so
        """Load weights and compile the model. It may take long: the port opens only after it and a warm-up."""

    def close(self) -> None:  # noqa: B027 - as above
        """Release what ``load`` acquired."""

    def preprocess(self, image: Image) -> Any:
        """Turn one image into one input of the model. Called from many threads at once.

        Args:
            image: (H, W, 3) uint8 RGB, 0 to 255, upright, of any size from 1 x 1.

        Returns:
            An array of the same shape and dtype for every image, so that a batch can be stacked.
        """
        return image

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
        """Check that the model works, on a picture of squares. The server also calls this after a failure.

        Raises:
            ModelFailed: the model does not work; ``detail`` says why.
        """
        self.execute(_SQUARES)

    def execute(self, image: Image) -> Any:
        """Do for one image what ``bulk_execute`` does for several."""
        return self.bulk_execute([image])[0]

    @abstractmethod
    def bulk_execute(self, images: Sequence[Image]) -> Sequence[Any]:
        """One result per image, in order."""

    def batch_of(self, items: Sequence[Any]) -> Any:
        """Put results of ``preprocess`` together into what ``infer`` takes.

        Raises:
            ModelFailed: they have several shapes.
        """
        return stacked(items)

    @abstractmethod
    def infer_checked(self, batch: Any) -> list[Any]:
        """Run ``infer`` on what ``batch_of`` made, and check its result; a ``ModelFailed`` in place of a bad row.

        Raises:
            ModelFailed: the result as a whole cannot be used.
        """

    def _batches(self, images: Sequence[Image]) -> Iterator[tuple[Sequence[Image], list[Any]]]:
        """Images and the results of the model, ``max_batch`` at a time. Raises the first ModelFailed."""
        for start in range(0, len(images), self.max_batch):
            some = images[start : start + self.max_batch]
            results = self.infer_checked(self.batch_of([self.preprocess(image) for image in some]))
            for result in results:
                if isinstance(result, ModelFailed):
                    raise result
            yield some, results


class Encoder(Operator):
    """An image model: RGB arrays in, L2-normalised vectors out.

    Subclasses define ``name`` and ``dimension`` and implement ``infer``; most also implement ``load`` and
    ``preprocess``.
    """

    type = "encoder"
    output = "vector"
    metric_type = "L2"

    #: Names of descriptors that a vector has side by side, if ``infer`` gives several; each as long as the others.
    descriptors: Sequence[str] = ()

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """Turn one image into one input of the model. Called from many threads at once. See ``Operator``."""
        return image

    @abstractmethod
    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Run the model. Called from one thread only.

        Args:
            batch: (N, ...), the stacked results of ``preprocess``; 1 <= N <= ``max_batch``.

        Returns:
            (N, dimension) float, in the order of the batch. The vectors need not be normalised.
        """

    def execute(self, image: Image) -> Vector:
        """Encode one image into a vector of unit length, (dimension,) float32.

        Raises:
            ModelFailed: ``infer`` returned NaN, inf, zeros, or a wrong count or dimension, or ``preprocess`` returned
                several shapes.
        """
        return self.bulk_execute([image])[0]

    def bulk_execute(self, images: Sequence[Image]) -> list[Vector]:
        """Encode images in batches of up to ``max_batch``; one vector per image, in order. Raises as ``execute``."""
        return [vector for _, vectors in self._batches(images) for vector in vectors]

    def info(self) -> OperatorInfo:
        """Collect what the Identity call reports about this operator."""
        return replace(super().info(), descriptors=tuple(self.descriptors))

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


class Processor(Operator):
    """A model that finds parts of pictures: RGB arrays in, boxes with labels and scores out.

    Subclasses define ``name`` and implement ``infer`` and ``postprocess``; most also define ``labels`` and implement
    ``load`` and ``preprocess``.
    """

    type = "processor"
    output = "images"  # as the original processors say: the parts are cut out
    metric_type = "-1"
    dimension = -1

    #: What it may find. A detection with another label is an error; if this is empty, it may give any.
    labels: Sequence[str] = ()

    #: Whether the results of ``preprocess`` have one shape, and ``infer`` gets them stacked into one array. If not, it
    #: gets them as a list.
    stacks = True

    @abstractmethod
    def infer(self, batch: Any) -> Sequence[Any]:
        """Run the model. Called from one thread only.

        Args:
            batch: (N, ...), the stacked results of ``preprocess``, or a list of them unless ``stacks``;
                1 <= N <= ``max_batch``.

        Returns:
            N results of any form, such as an array whose first axis is the batch, in its order. Each must own its
            memory, for it is read after the next call.
        """

    @abstractmethod
    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        """Make detections of what ``infer`` answered for one image. Called from many threads at once.

        Args:
            raw: of that image.
            image_size: (width, height) of the upright picture, in pixels; those of the image that ``preprocess`` got
                are smaller if it was decoded at a reduced scale.

        Returns:
            What was found, none or any number, the most certain first; boxes are inside the picture.
        """

    def execute(self, image: Image) -> list[Detection]:
        """Find the parts of one image.

        Raises:
            ModelFailed: ``infer`` answered a wrong count, ``postprocess`` returned something else than detections with
                finite numbers and boxes inside the image, or ``preprocess`` returned several shapes.
        """
        return self.bulk_execute([image])[0]

    def bulk_execute(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Find the parts of each image, in batches of up to ``max_batch``, in order. Raises as ``execute``."""
        return [
            self.detections(raw, (image.shape[1], image.shape[0]))
            for some, results in self._batches(images)
            for image, raw in zip(some, results, strict=True)
        ]

    def batch_of(self, items: Sequence[Any]) -> Any:
        """Put results of ``preprocess`` together. Raises as ``Operator.batch_of``, if ``stacks``."""
        return super().batch_of(items) if self.stacks else list(items)

    def infer_checked(self, batch: Any) -> list[Any]:
        """Run ``infer`` and count its results.

        Raises:
            ModelFailed: there are more or fewer results than inputs.
        """
        results = self.infer(batch)
        if len(results) != len(batch):
            raise ModelFailed(f"infer answered {len(results)} results, expected {len(batch)}")
        return list(results)

    def detections(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        """Run ``postprocess`` and check what it returns.

        Raises:
            ModelFailed: as ``visop.detection.checked_detections``.
        """
        return checked_detections(self.postprocess(raw, image_size), image_size, self.labels)

    def info(self) -> OperatorInfo:
        """Collect what the Identity call reports about this operator."""
        return replace(super().info(), labels=tuple(self.labels))

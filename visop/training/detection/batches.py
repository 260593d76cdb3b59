"""What one step of training a detector sees; it depends on the seed and the number of the step alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.contract import Image as Pixels
from visop.errors import TrainingFailed
from visop.processors.boxes import Floats
from visop.training.batches import Reader
from visop.training.detection.augment import Example, augmented
from visop.training.detection.matching import targets

Batch = tuple[npt.NDArray[Any], Floats]


@dataclass(frozen=True)
class DetectionPlan:
    """How batches are put together.

    Attributes:
        batch: pictures of each.
        seed: of everything random.
        prepared: the detector's own: (H, W, 3) uint8 -> an input of the model.
        priors: (P, 4), of the model.
    """

    batch: int
    seed: int
    prepared: Callable[[Pixels], npt.NDArray[Any]]
    priors: Floats


class DetectionBatches:
    """Makes the batch of any step; every picture is seen once before any is seen again."""

    def __init__(self, annotations: Annotations, plan: DetectionPlan, reader: Reader) -> None:
        self._pictures, self._plan, self._reader = annotations.pictures, plan, reader
        self._classes = {label: number for number, label in enumerate(annotations.labels, 1)}
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def make(self, step: int) -> Batch:
        """Make the batch of a step.

        A picture that cannot be read is replaced by the next one that can.

        Returns:
            Inputs of the model (batch, ...), and what it should answer (batch, P, 5) float32.

        Raises:
            TrainingFailed: no picture can be read.
        """
        examples = [self._example(step * self._plan.batch + number) for number in range(self._plan.batch)]
        images = np.stack([self._plan.prepared(each.image) for each in examples])
        wanted = [targets(each.edges, each.classes, each.asked, self._plan.priors) for each in examples]
        return images, np.stack(wanted)

    def _example(self, number: int) -> Example:
        rng = np.random.default_rng([self._plan.seed, number])
        count = len(self._pictures)
        order = self._order(number // count)
        for offset in range(count):
            picture = self._pictures[order[(number + offset) % count]]
            image = self._reader.read(picture.path)
            if image is not None:
                return augmented(example_of(picture, image, self._classes), rng)
        path, reason = next(iter(self._reader.failures.items()))
        raise TrainingFailed(f"none of {count} pictures can be read; {path}: {reason}")

    def _shuffled(self, turn: int) -> Sequence[int]:
        """The pictures in another order each time."""
        order: list[int] = np.random.default_rng([self._plan.seed, turn, 1]).permutation(len(self._pictures)).tolist()
        return order


def example_of(picture: AnnotatedPicture, image: Pixels, classes: dict[str, int]) -> Example:
    """A picture with what is annotated in it."""
    numbers = np.array([classes[truth.label] for truth in picture.truths], np.int64)
    asked = np.array([truth.asked for truth in picture.truths], bool)
    return Example(image, picture.edges, numbers, asked)

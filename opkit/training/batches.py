"""What one step of training sees: pictures and their edited copies, made ahead by threads, the same at every run.

A batch depends on the seed and the number of the step alone, so that a run that was killed goes on with just the
batches that it would have seen.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from opkit.contract import Image as Pixels
from opkit.errors import OperatorError, TrainingFailed
from opkit.inputs.images import ImageLimits, decode_image
from opkit.pictures.transformations import random_edit
from opkit.training.folders import Pictures

logger = logging.getLogger(__name__)

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]

# How much larger a picture is while it is edited than the input of the model: a cut to half of a side still has all of
# the pixels that the model sees. More would cost little, but generated pictures have no more.
_WORKING_SCALE = 2.0

# How many other pictures are tried in place of one that cannot be read.
_TRIES = 20


@dataclass(frozen=True)
class Plan:
    """How batches are put together.

    Attributes:
        identities: per batch.
        views: pictures per identity: where each picture is its own identity, the original and views - 1 edited copies;
            else that many pictures of the identity, each of them edited or not.
        neighbours: identities are taken in runs of so many that follow each other by name.
        side: (height, width) of the model's input.
        seed: of everything random.
        preprocess: the operator's own: (H, W, 3) uint8 -> (height, width, 3) uint8.
    """

    identities: int
    views: int
    neighbours: int
    side: tuple[int, int]
    seed: int
    preprocess: Callable[[Pixels], Pixels]

    @property
    def working_side(self) -> int:
        """The longer side of a picture while it is edited."""
        return round(_WORKING_SCALE * max(self.side))


class Reader:
    """Decodes pictures, with the limits of the settings; remembers those that cannot be."""

    def __init__(self, limits: ImageLimits, side: int) -> None:
        self._limits, self._side = limits, side
        self.failures: dict[Path, str] = {}

    def read(self, path: Path) -> Pixels | None:
        """A picture, of about the size that training works with; None if it cannot be read."""
        try:
            return decode_image(path.read_bytes(), self._limits, self._side)
        except (OperatorError, OSError) as error:
            if path not in self.failures:
                self.failures[path] = str(error)
                logger.warning("%s is left out: %s", path, error)
            return None


class Batches:
    """Makes the batch of any step."""

    def __init__(self, pictures: Pictures, plan: Plan, reader: Reader) -> None:
        self._groups = pictures.by_identity()
        self._own_label = pictures.labels == "pictures"
        self._plan, self._reader = plan, reader

    def make(self, step: int) -> Batch:
        """Make the batch of a step.

        Returns:
            Images (identities x views, height, width, 3) uint8, view by view, and labels as ``losses`` has them.
        """
        rng = np.random.default_rng([self._plan.seed, step])
        chosen = self._choose(rng)
        count = len(chosen)
        views = [self._views(identity, rng) for identity in chosen]
        images = np.stack([view[number] for number in range(self._plan.views) for view in views])
        labels = np.ones((len(images), 2), np.int32)
        labels[:, 0] = np.tile(np.arange(count), self._plan.views)
        if self._own_label:
            labels[count:, 1] = 0
        return images, labels

    def _choose(self, rng: np.random.Generator) -> list[int]:
        run = self._plan.neighbours
        starts = rng.choice(
            len(self._groups) // run, min(self._plan.identities, len(self._groups)) // run, replace=False
        )
        return [int(start) * run + offset for start in starts for offset in range(run)]

    def _views(self, identity: int, rng: np.random.Generator) -> list[Pixels]:
        if self._own_label:
            image = self._read(identity, rng)
            edited = [self._edit(image, rng) for _ in range(self._plan.views - 1)]
            return [self._plan.preprocess(image), *edited]
        images = [self._read(identity, rng) for _ in range(self._plan.views)]
        return [self._plan.preprocess(each) if rng.random() < 0.25 else self._edit(each, rng) for each in images]

    def _read(self, identity: int, rng: np.random.Generator) -> Pixels:
        """A picture of an identity, or, if it cannot be read, of another one."""
        for _ in range(_TRIES):
            paths = self._groups[identity]
            image = self._reader.read(paths[rng.integers(len(paths))])
            if image is not None:
                return image
            identity = int(rng.integers(len(self._groups)))
        raise TrainingFailed(
            f"{_TRIES} pictures in a row could not be read, such as {next(iter(self._reader.failures))}"
        )

    def _edit(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        return self._plan.preprocess(edit_pixels(image, self._plan.working_side, rng))


def edit_pixels(image: Pixels, working_side: int, rng: np.random.Generator) -> Pixels:
    """A random edit of a picture, which is first made so small that its longer side is ``working_side``."""
    picture = Image.fromarray(image)
    picture.thumbnail((working_side, working_side), Image.Resampling.BILINEAR)
    return np.asarray(random_edit(picture, rng))


def stream(make: Callable[[int], Batch], first: int, workers: int) -> Iterator[Batch]:
    """The batches from a step on, without end, made ahead by ``workers`` threads: Pillow lets go of the interpreter."""
    with ThreadPoolExecutor(workers, "batches") as pool:
        steps = itertools.count(first)
        ahead: deque[Future[Batch]] = deque(pool.submit(make, step) for step in itertools.islice(steps, 2 * workers))
        try:
            while True:
                batch = ahead.popleft().result()
                ahead.append(pool.submit(make, next(steps)))
                yield batch
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

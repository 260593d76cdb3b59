"""What one step of training sees: pictures and their edited copies, made ahead by threads, the same at every run.

A batch depends on the seed and the number of the step alone, so that a run that was killed goes on with just the
batches that it would have seen.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from visop.ahead import started_ahead
from visop.contract import Image as Pixels
from visop.errors import TrainingFailed, VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.synthetic.transformations import random_edit
from visop.training.folders import Pictures

logger = logging.getLogger(__name__)

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]

# How much larger a picture is while it is edited than the input of the model: a cut to half of a side still has all of
# the pixels that the model sees. More would cost little, but generated pictures have no more.
_WORKING_SCALE = 2.0


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
        """A picture, of about the size that training works with; None if it cannot be read, now or ever before."""
        if path in self.failures:
            return None
        try:
            return decode_image(path.read_bytes(), self._limits, self._side)
        except (VisopError, OSError) as error:
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

        A picture that cannot be read is replaced by another one of the same identity, and an identity of which nothing
        can be read by one that is not in the batch yet, so that no picture ever stands under the label of another. A
        batch is smaller where there are not enough.

        Returns:
            Images (identities x views, height, width, 3) uint8, view by view, and labels as ``losses`` has them.

        Raises:
            TrainingFailed: fewer than two identities can be read.
        """
        rng = np.random.default_rng([self._plan.seed, step])
        readable = (made for identity in self._order(rng) if (made := self._views(identity, rng)))
        views = list(itertools.islice(readable, self._plan.identities))
        if len(views) < 2:
            path, reason = next(iter(self._reader.failures.items()))
            raise TrainingFailed(f"of {len(self._groups)} identities fewer than 2 can be read; {path}: {reason}")
        images = np.stack([view[number] for number in range(self._plan.views) for view in views])
        labels = np.ones((len(images), 2), np.int32)
        labels[:, 0] = np.tile(np.arange(len(views)), self._plan.views)
        if self._own_label:
            labels[len(views) :, 1] = 0
        return images, labels

    def _order(self, rng: np.random.Generator) -> Iterator[int]:
        """All identities, those that the batch wants most first: runs of neighbours, which begin anywhere."""
        count, run = len(self._groups), self._plan.neighbours
        circle = np.roll(np.arange(count), -rng.integers(count))
        starts = run * rng.permutation(-(-count // run))
        return (int(identity) for start in starts for identity in circle[start : start + run])

    def _views(self, identity: int, rng: np.random.Generator) -> list[Pixels]:
        """The model inputs of an identity; none if none of its pictures can be read."""
        images = [self._read(identity, rng) for _ in range(1 if self._own_label else self._plan.views)]
        readable = [image for image in images if image is not None]
        if not self._own_label:
            return [self._plan.preprocess(each) if rng.random() < 0.25 else self._edit(each, rng) for each in readable]
        edited = [self._edit(image, rng) for image in readable for _ in range(self._plan.views - 1)]
        return [self._plan.preprocess(image) for image in readable] + edited

    def _read(self, identity: int, rng: np.random.Generator) -> Pixels | None:
        """A picture of an identity, or, if it cannot be read, the next one that can; None if there is none."""
        paths = self._groups[identity]
        first = int(rng.integers(len(paths)))
        images = (self._reader.read(path) for path in (*paths[first:], *paths[:first]))
        return next((image for image in images if image is not None), None)

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
        try:
            started = started_ahead(lambda step: pool.submit(make, step), itertools.count(first), 2 * workers + 1)
            for _, batch in started:
                yield batch.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def unhidden(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """Let an error in the making of a batch leave ``fit`` as what it is: TensorFlow makes one of its own of it.

    Use:
        ``with unhidden(stream(...)) as batches: model.fit(batches)``
    """
    failures: list[Exception] = []

    def watched() -> Iterator[Batch]:
        try:
            yield from batches
        except Exception as error:
            failures.append(error)
            raise

    try:
        yield watched()
    except Exception as error:
        if failures and error is not failures[0]:
            raise failures[0] from None
        raise

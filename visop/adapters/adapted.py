"""Classes of other systems as operators: what they have in common, whatever the system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.adapters.private_folder import PrivateFolder
from visop.adapters.ways import TRIAL, Way
from visop.contract import Encoder, Image, Processor, Vector
from visop.detection import Detection
from visop.errors import ModelFailed
from visop.vectors import normalise


class AdaptedEncoder(Encoder):
    """An encoder that calls an object of another system.

    Args:
        name: of the operator.
        way: how the object is called.
        vector_of: its answer to one picture as numbers; may raise.
        dimension: how many.
        folder: for its files; closed with the operator.
        descriptors: their names, if the numbers are several side by side, or one that has a name.
    """

    name = ""
    dimension = 0

    def __init__(
        self,
        name: str,
        way: Way,
        vector_of: Callable[[Any], Any],
        dimension: int,
        folder: PrivateFolder,
        descriptors: Sequence[str] = (),
    ) -> None:
        self.name, self.dimension, self.descriptors = name, dimension, descriptors
        self._way, self._vector_of, self._folder = way, vector_of, folder

    def preprocess(self, image: Image) -> Any:
        """Bring it into the form that the object takes."""
        return self._way.prepare(image)

    def batch_of(self, items: Sequence[Any]) -> list[Any]:
        """A list: files have several lengths."""
        return list(items)

    def infer(self, batch: Any) -> Any:
        """What the object answers to each."""
        return self._way.answers(batch)

    def infer_checked(self, batch: Any) -> list[Vector | ModelFailed]:
        """As ``Encoder``; an answer that is no vector fails its own input. Raises ModelFailed on a wrong count."""
        answers = self.infer(batch)
        if len(answers) != len(batch):
            raise ModelFailed(f"{len(answers)} answers, expected {len(batch)}")
        return [self._checked(answer) for answer in answers]

    def warm_up(self) -> None:
        """Check that the object answers to a picture of common size. Raises ModelFailed."""
        self.execute(TRIAL)

    def close(self) -> None:
        """Remove the files."""
        self._folder.close()

    def _checked(self, answer: Any) -> Vector | ModelFailed:
        if isinstance(answer, ModelFailed):
            return answer
        try:
            vector: npt.NDArray[np.float32] = np.asarray(self._vector_of(answer), np.float32)
        except ModelFailed as error:
            return error
        except (TypeError, ValueError) as error:
            return ModelFailed(f"the answer is no vector: {error}")
        if vector.shape != (self.dimension,):
            return ModelFailed(f"the answer has shape {vector.shape}, expected {(self.dimension,)}")
        return normalise(vector)


class AdaptedProcessor(Processor):
    """A processor that calls an object of another system.

    Args:
        name: of the operator.
        way: how the object is called.
        detections_of: its answer to one picture of (width, height) as detections; may raise.
        folder: for its files; closed with the operator.
    """

    name = ""
    stacks = False

    def __init__(
        self,
        name: str,
        way: Way,
        detections_of: Callable[[Any, tuple[int, int]], list[Detection]],
        folder: PrivateFolder,
    ) -> None:
        self.name = name
        self._way, self._detections_of, self._folder = way, detections_of, folder

    def preprocess(self, image: Image) -> Any:
        """Bring it into the form that the object takes."""
        return self._way.prepare(image)

    def infer(self, batch: Sequence[Any]) -> list[Any]:
        """What the object answers to each."""
        return self._way.answers(batch)

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        """What it found. Raises ModelFailed if that is in another form."""
        return self._detections_of(raw, image_size)

    def warm_up(self) -> None:
        """Check that the object answers to a picture of common size. Raises ModelFailed."""
        self.execute(TRIAL)

    def close(self) -> None:
        """Remove the files."""
        self._folder.close()

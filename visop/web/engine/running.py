"""Run a pipeline on one picture: through its processors, one after another, and then its encoder."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from visop.contract import OperatorInfo, Vector
from visop.detection import Box, Found, Part, Unplaced
from visop.encoding.encoded import picture_of
from visop.errors import DeadlinePassed, ModelFailed, VisopError
from visop.http.engine_errors import EngineError
from visop.images.crops import CropOptions
from visop.part_scheme import PartScheme
from visop.serving.pipeline import Input
from visop.serving.steps import Result
from visop.settings import Settings
from visop.web.engine.addresses import Place
from visop.web.engine.connections import Connected, Connections
from visop.web.engine.picture import Given, PictureOnItsWay, whole, within

# Of what one processor passes on to the next as a file, and of what the last one finds.
_CROPS, _BOXES = CropOptions(quality=95), CropOptions(omit=True)


@dataclass(frozen=True)
class Chain:
    """The operators of a pipeline.

    Attributes:
        name: of the pipeline.
        processors: in order; there may be none.
        encoder: after them.
    """

    name: str
    processors: tuple[Place, ...]
    encoder: Place


@dataclass(frozen=True)
class Pictured:
    """What a pipeline made of a picture.

    Attributes:
        data: the file.
        vector: of the whole picture, (dimension,) float32 of unit length.
        parts: what the processors found, each with its vector, the most certain first; none if there are no processors.
        info: what made the vectors.
    """

    data: bytes
    vector: Vector
    parts: tuple[Part, ...]
    info: OperatorInfo

    @functools.cached_property
    def id(self) -> str:
        """The SHA-256 of the file, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def vectors(self) -> list[Vector]:
        """Those that the original engine has: of the parts, or, without processors, of the picture."""
        return [part.vector for part in self.parts if part.vector is not None] if self.info.parts else [self.vector]


class Runner:
    """Runs pipelines. May be used from several threads."""

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections, self._settings = connections, settings

    def info(self, chain: Chain) -> OperatorInfo:
        """What the vectors of a pipeline are. Raises as ``Connections.using``."""
        processors = [self._connections.info(place) for place in chain.processors]
        encoder = self._connections.info(chain.encoder)
        return replace(encoder, parts=_scheme(processors, self._most), labels=())

    def run(self, chain: Chain, given: Given, deadline: float) -> Pictured:
        """Run a pipeline.

        Args:
            chain: its operators.
            given: the picture.
            deadline: on the clock of ``time.monotonic``.

        Raises:
            EngineError: nothing is found in the picture.
            VisopError: the picture cannot be used, or an operator cannot be reached or does not answer in time; the
                message says which.
        """
        info, picture = self.info(chain), PictureOnItsWay(given)
        found = self._found(chain.processors, picture, deadline)
        if chain.processors and not found:
            raise EngineError("NoneVectorError", f"{given.field}: there is nothing in the picture that is looked for")
        with self._connections.using(chain.encoder) as encoder:
            of_whole, *vectors = self._encoded(encoder, picture, found, deadline)
        parts = [replace(part, vector=vector, crop=None) for part, vector in zip(found, vectors, strict=True)]
        return Pictured(picture.data, of_whole, tuple(parts), info)

    @property
    def _most(self) -> int:
        return self._settings.max_parts_per_picture

    def _found(self, processors: Sequence[Place], picture: PictureOnItsWay, deadline: float) -> list[Part]:
        """What the last of the processors finds, in pixels of the picture."""
        found: list[Part] = []
        for number, place in enumerate(processors):
            options = _CROPS if number + 1 < len(processors) else _BOXES
            inputs = [picture.crop(part) for part in found] if number else [picture.input()]
            with self._connections.using(place) as processor:
                results = self._results(processor, inputs, deadline, options)
            inner = [list(_found_in(result).parts) for result in results]
            found = [part for each in map(within, found, inner) for part in each] if number else inner[0]
            found = sorted(found, key=lambda part: -part.detection.score)[: self._most]
        return found

    def _encoded(
        self, encoder: Connected, picture: PictureOnItsWay, found: Sequence[Part], deadline: float
    ) -> list[Vector]:
        """The vector of the whole picture, and of each of these parts."""
        if not found:
            # An encoder elsewhere is called for boxes, and one that comes after a processor would look for parts.
            is_plain = encoder.place.is_here and not encoder.info.parts
            [result] = self._results(encoder, [picture.input(None if is_plain else whole)], deadline)
            return _vectors(result)[:1]
        if not any(isinstance(part.detection, Unplaced) for part in found):
            places = [part.detection.box for part in found]

            def all_boxes(size: tuple[int, int]) -> list[Box]:
                return [*whole(size), *places]

            [result] = self._results(encoder, [picture.input(all_boxes)], deadline)
            return _vectors(result)
        inputs = [picture.input(whole), *(picture.crop(part, whole) for part in found)]
        return [_vectors(result)[0] for result in self._results(encoder, inputs, deadline)]

    def _results(
        self, operator: Connected, inputs: Sequence[Input], deadline: float, crops: CropOptions | None = None
    ) -> list[Result]:
        """Have an operator work on pictures, as many at once as it takes. Raises the first error."""
        most = self._settings.max_items
        groups = [inputs[start : start + most] for start in range(0, len(inputs), most)]
        return [each for group in groups for each in _called(operator, group, deadline, crops)]


def _called(operator: Connected, inputs: Sequence[Input], deadline: float, crops: CropOptions | None) -> list[Result]:
    left_s = deadline - time.monotonic()
    try:
        if left_s <= 0:
            raise DeadlinePassed("")
        results = operator.pipeline.start(inputs, left_s, crops=crops).results()
    except DeadlinePassed:
        raise DeadlinePassed(f"{operator.place} did not answer before the deadline of the request") from None
    for result in results:
        if isinstance(result, ModelFailed):
            raise ModelFailedThere(operator.place, result)
        if isinstance(result, VisopError):
            raise result
    return [result for result in results if not isinstance(result, VisopError)]


class ModelFailedThere(ModelFailed):
    """The model of an operator failed, and the caller is told of which."""

    def __init__(self, place: Place, error: ModelFailed) -> None:
        super().__init__(error.detail)
        self.args = (f"{place}: {error}",)


def _found_in(result: Result) -> Found:
    return result if isinstance(result, Found) else Found()


def _vectors(result: Result) -> list[Vector]:
    """That of the whole picture, and those of the parts."""
    encoded = picture_of(result)
    if isinstance(encoded, VisopError):
        raise encoded
    return [encoded.vector, *(part.vector for part in encoded.parts if part.vector is not None)]


def _scheme(processors: Sequence[OperatorInfo], most: int) -> str:
    """How the parts are made, as an index keeps it; empty if there are none."""
    if not processors:
        return ""
    name, fingerprint = (
        ">".join(filter(None, (getattr(each, what) for each in processors))) for what in ("name", "fingerprint")
    )
    return str(PartScheme(name, fingerprint, most=most, whole=True))

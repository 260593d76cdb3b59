"""What is made of a picture on its way into an index: the vector of the whole, and those of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from visop.client.parts import FoundPart
from visop.contract import Vector
from visop.detection import Detection, Found, Part
from visop.encoding.run import HasHealth
from visop.errors import VisopError
from visop.serving.steps import Result

# A request of as many pictures with 26 parts of 2,048 dimensions is answered in 4 MB.
_BATCH = 16


@dataclass(frozen=True)
class EncodedPicture:
    """The vectors of a picture.

    Attributes:
        vector: of the whole picture, (dimension,) float32.
        parts: each with its vector.
    """

    vector: Vector
    parts: tuple[Part, ...] = ()


class PictureEncoder(HasHealth, Protocol):
    """Encodes pictures, whole or in parts: as a ``visop.encoding.run.StreamEncoder`` does, or with parts."""

    def encode_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[Vector | EncodedPicture | VisopError]:
        """Do as ``Client.encode_stream``."""


class FindsParts(HasHealth, Protocol):
    """A ``visop.client.Client`` of a pipeline."""

    def detect_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[list[FoundPart] | VisopError]:
        """Do as ``Client.detect_stream``."""


class EncodesParts:
    """A running pipeline of which the whole picture is the first part."""

    def __init__(self, client: FindsParts) -> None:
        self._client = client

    def health(self) -> str:
        """As of the pipeline."""
        return self._client.health()

    def encode_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[EncodedPicture | VisopError]:
        """Do as ``PictureEncoder``, with at most 16 pictures a request."""
        for found in self._client.detect_stream(inputs, batch=min(batch, _BATCH)):
            yield found if isinstance(found, VisopError) else _answered(found)


def encoded_of(parts: Sequence[Part]) -> EncodedPicture | VisopError:
    """Take the whole picture, which is the first part, from the others."""
    if not parts or any(part.vector is None for part in parts):
        return VisopError("the operator gave no vector of the whole picture, or none of a part")
    whole, *others = parts
    return EncodedPicture(whole.vector, tuple(others))  # type: ignore[arg-type]  # none is None


def picture_of(result: Result | VisopError) -> EncodedPicture | VisopError:
    """What a pipeline of this process made of a picture: of an encoder, a vector; of others, its parts."""
    if isinstance(result, VisopError):
        return result
    return encoded_of(result.parts) if isinstance(result, Found) else EncodedPicture(result)


def _answered(found: Sequence[FoundPart]) -> EncodedPicture | VisopError:
    if any(part.box is None for part in found):
        return VisopError("the operator does not say where the parts are")
    return encoded_of([Part(_detection(part), part.vector) for part in found])


def _detection(part: FoundPart) -> Detection:
    return Detection(part.box or (0.0, 0.0, 0.0, 0.0), part.label, 1.0 if part.score is None else part.score)

"""What a processor or a pipeline answers for a picture, read from its reply."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visop.contract import Vector
from visop.detection import Box, Point
from visop.errors import VisopError
from visop.rpc import rpc_pb2
from visop.rpc.statuses import error_of_number


@dataclass(frozen=True)
class FoundPart:
    """A part that a running operator found in a picture.

    Attributes:
        box: (x, y, w, h): the left upper corner, the width and the height, in pixels of the upright picture in the
            resolution of its file. None if the operator does not say, as those that know only the original fields.
        label: what it is; empty if the operator does not say.
        score: how certain the operator is; None if the operator does not say.
        keypoints: (x, y) of each point that is known of it, in the same pixels.
        crop: the part cut out, as a JPEG file; None if crops were not asked for.
        vector: of a pipeline: (dimension,) float32, of unit length; else None.
    """

    box: Box | None = None
    label: str = ""
    score: float | None = None
    keypoints: tuple[Point, ...] = ()
    crop: bytes | None = None
    vector: Vector | None = None


#: Of one input: what was found in it, the most certain first, or why that is not known.
Parts = list[FoundPart] | VisopError


def parts_of(reply: rpc_pb2.ExecuteReply, count: int) -> list[Parts]:
    """What was found in each of the inputs that were sent.

    Args:
        reply: of a processor or a pipeline.
        count: how many inputs the request had.

    Raises:
        VisopError: the reply does not fit the request, or cannot be read.
    """
    if len(reply.statuses) not in (0, count):
        raise VisopError(f"the operator answered {len(reply.statuses)} statuses for {count} inputs")
    found: list[Parts] = [[] for _ in range(count)]
    for number, status in enumerate(reply.statuses):
        if status.code:
            found[number] = error_of_number(status.code, status.message, status.retry_after_s)
    for part in reply.parts:
        parts = found[_index(part.input, count, "input")]
        if isinstance(parts, list):
            parts.append(_part(part, reply))
    return found


def crops_alone(reply: rpc_pb2.ExecuteReply) -> list[Parts]:
    """What was found in the one input that was sent to an operator that knows only the original fields.

    Raises:
        VisopError: it answered something else than pictures.
    """
    return [[FoundPart(crop=_file(each)) for each in reply.metadata]]


def _part(part: rpc_pb2.Part, reply: rpc_pb2.ExecuteReply) -> FoundPart:
    place = part.box.x, part.box.y, part.box.w, part.box.h
    keypoints = tuple((point.x, point.y) for point in part.keypoints)
    if not all(map(math.isfinite, [*place, part.score, *(side for point in keypoints for side in point)])):
        raise VisopError("the operator answered NaN or inf")
    crop = vector = None
    if part.HasField("crop"):
        crop = _file(reply.metadata[_index(part.crop, len(reply.metadata), "crop")])
    if part.HasField("vector"):
        vector = _vector(reply.vectors[_index(part.vector, len(reply.vectors), "vector")].element)
    box = place if part.HasField("box") else None
    return FoundPart(box, part.label, part.score, keypoints, crop, vector)


def _index(number: int, count: int, what: str) -> int:
    if not 0 <= number < count:
        raise VisopError(f"the operator answered a part of {what} {number}, and there are {count}")
    return number


def _vector(elements: Sequence[float]) -> Vector:
    vector = np.array(elements, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise VisopError("the operator answered NaN or inf")
    return vector


def _file(crop: rpc_pb2.MetaData) -> bytes:
    try:
        return base64.b64decode(crop.data, validate=True)
    except binascii.Error:
        raise VisopError("the operator answered a crop that is not base64") from None

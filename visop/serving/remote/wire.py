"""Requests to running operators, and what their replies mean; nothing that they answer is taken for granted."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from visop.client import parts as client_parts
from visop.client.parts import FoundPart
from visop.contract import Vector
from visop.detection import Detection, Unplaced
from visop.errors import (
    CallerGone,
    DeadlinePassed,
    ModelFailed,
    RemoteError,
    Unreachable,
    VisopError,
)
from visop.rpc import rpc_pb2
from visop.rpc.statuses import error_of_number
from visop.serving.remote.texts import safe_name, safe_text
from visop.vectors import normalise

# Of one part.
_MOST_KEYPOINTS = 1000
# Of a part of which only the crop is known. The pipeline replaces it by the whole picture, in which it lies.
_NOWHERE = (0.0, 0.0, 0.0, 0.0)

#: What was found in an input, or its error.
FoundParts = list[Detection] | VisopError


class CropsNeeded(ModelFailed):
    """Of a part neither its place is known nor its crop, which was not asked for."""


def request_of(files: Sequence[bytes], *, original: bool, omit_crops: bool = True) -> rpc_pb2.ExecuteRequest:
    """A request with these image files.

    Args:
        files: one or more.
        original: whether the operator knows base64 only.
        omit_crops: whether boxes are enough.
    """
    if original:
        return rpc_pb2.ExecuteRequest(datas=[base64.b64encode(file).decode() for file in files])
    return rpc_pb2.ExecuteRequest(images=files, partial=True, crops=rpc_pb2.Crops(omit=omit_crops))


def parts_of(reply: rpc_pb2.ExecuteReply, count: int, who: str) -> list[FoundParts]:
    """What a processor found in each input. Boxes are not checked: the size of the pictures is not known here.

    Args:
        reply: to a request of ``request_of``.
        count: how many inputs that had.
        who: answered, for messages.

    Raises:
        CropsNeeded: there is a part without a place and without a crop.
        VisopError: it cannot be told what belongs to which input, or a number is NaN.
    """
    is_known = bool(reply.statuses or reply.parts)
    found = client_parts.parts_of(reply, count) if is_known or count > 1 else client_parts.crops_alone(reply)
    return [_told(each, who) if isinstance(each, VisopError) else _detections(each) for each in found]


def vectors_of(reply: rpc_pb2.ExecuteReply, count: int, who: str, dimension: int) -> list[Vector | VisopError]:
    """The vector of each input, of unit length, or its error.

    Args:
        reply: to a request of ``request_of``.
        count: how many inputs that had.
        who: answered, for messages.
        dimension: of its vectors, as it says.

    Raises:
        ModelFailed: it cannot be told which vector belongs to which input.
    """
    if len(reply.vectors) != count:
        raise ModelFailed(f"{len(reply.vectors)} vectors for {count} inputs")
    if len(reply.statuses) not in (0, count):
        raise ModelFailed(f"{len(reply.statuses)} statuses for {count} inputs")
    results = [_vector_of(vector, dimension) for vector in reply.vectors]
    for number, status in enumerate(reply.statuses):
        if status.code:
            results[number] = _told(error_of_number(status.code, status.message, status.retry_after_s), who)
    return results


def _told(error: VisopError, who: str) -> VisopError:
    """The error of an input, as those that call us are told."""
    text = f"{who}: {safe_text(getattr(error, 'detail', str(error)))}"
    if isinstance(error, DeadlinePassed | CallerGone):  # of its own; the deadline of our caller has not passed
        return Unreachable(text)
    if isinstance(error, ModelFailed | RemoteError):
        return ModelFailed(text)
    error.args = (text,)
    return error


def _detections(parts: Sequence[FoundPart]) -> FoundParts:
    """The parts of one input, or the error of one that cannot be used."""
    try:
        return [_detection_of(each) for each in parts]
    except CropsNeeded:
        raise
    except ModelFailed as error:
        return error


def _detection_of(part: FoundPart) -> Detection:
    if len(part.keypoints) > _MOST_KEYPOINTS:
        raise ModelFailed(f"a part has {len(part.keypoints)} keypoints, the limit is {_MOST_KEYPOINTS}")
    label, score = safe_name(part.label), 1.0 if part.score is None else part.score
    if part.box is not None:
        return Detection(part.box, label, score, part.keypoints)
    if part.crop is None:
        raise CropsNeeded("a part has neither a box nor a crop")
    return Unplaced(_NOWHERE, label, score, crop=part.crop)


def _vector_of(vector: rpc_pb2.Vector, dimension: int) -> Vector | VisopError:
    if len(vector.element) != dimension:
        return ModelFailed(f"a vector of {len(vector.element)} numbers, and Identity says {dimension}")
    return normalise(np.array(vector.element, dtype=np.float32))

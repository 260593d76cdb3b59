"""Requests to running operators, and what their replies mean; nothing that they answer is taken for granted."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from visop.contract import Vector
from visop.detection import Detection, Unplaced
from visop.errors import (
    CallerGone,
    DeadlinePassed,
    ImageDecodeError,
    ModelFailed,
    RemoteError,
    Unreachable,
    VisopError,
)
from visop.images.base64_text import decode_base64
from visop.rpc import rpc_pb2
from visop.rpc.statuses import error_of_number
from visop.serving.remote.texts import safe_name, safe_text
from visop.vectors import normalise

# Of one part.
_MOST_KEYPOINTS = 1000
# Of one crop; its message has a limit, too.
_MOST_CROP_BYTES = 64 * 1024 * 1024
# Of a part of which only the crop is known. The pipeline replaces it by the whole picture, in which it lies.
_NOWHERE = (0.0, 0.0, 0.0, 0.0)

#: What was found in each input, or its error.
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
        ModelFailed: it cannot be told what belongs to which input.
    """
    if count == 1 and not reply.statuses and not reply.parts:
        return [_crops_of(reply)]
    results = _by_status(reply, count, who)
    for part in reply.parts:
        if not 0 <= part.input < count:
            raise ModelFailed(f"a part is of input {part.input}, and there were {count}")
        _add(results, part, reply)
    return results


def _add(results: list[FoundParts], part: rpc_pb2.Part, reply: rpc_pb2.ExecuteReply) -> None:
    """Add a part to those of its input; one that cannot be read fails that input."""
    found = results[part.input]
    if isinstance(found, list):
        try:
            found.append(_detection_of(part, reply))
        except CropsNeeded:
            raise
        except ModelFailed as error:
            results[part.input] = error


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
    results = _by_status(reply, count, who)
    return [
        result if isinstance(result, VisopError) else _vector_of(vector, dimension)
        for result, vector in zip(results, reply.vectors, strict=True)
    ]


def _by_status(reply: rpc_pb2.ExecuteReply, count: int, who: str) -> list[FoundParts]:
    """The error of each input, or an empty list."""
    if not reply.statuses:
        return [[] for _ in range(count)]
    if len(reply.statuses) != count:
        raise ModelFailed(f"{len(reply.statuses)} statuses for {count} inputs")
    return [_error_of(status, who) if status.code else [] for status in reply.statuses]


def _error_of(status: rpc_pb2.ItemStatus, who: str) -> VisopError:
    """The error of an input, as those that call us are told."""
    text = f"{who}: {safe_text(status.message)}"
    error = error_of_number(status.code, text, status.retry_after_s)
    if isinstance(error, DeadlinePassed | CallerGone):  # of its own; the deadline of our caller has not passed
        return Unreachable(text)
    return ModelFailed(text) if isinstance(error, RemoteError) else error


def _detection_of(part: rpc_pb2.Part, reply: rpc_pb2.ExecuteReply) -> Detection:
    if len(part.keypoints) > _MOST_KEYPOINTS:
        raise ModelFailed(f"a part has {len(part.keypoints)} keypoints, the limit is {_MOST_KEYPOINTS}")
    label, box = safe_name(part.label), part.box
    points = tuple((point.x, point.y) for point in part.keypoints)
    if part.HasField("box"):
        return Detection((box.x, box.y, box.w, box.h), label, part.score, points)
    if not 0 <= part.crop < len(reply.metadata) or not part.HasField("crop"):
        raise CropsNeeded("a part has neither a box nor a crop")
    return Unplaced(_NOWHERE, label, part.score, crop=_crop_of(reply.metadata[part.crop]))


def _crops_of(reply: rpc_pb2.ExecuteReply) -> FoundParts:
    """Of a processor that answers crops and nothing else. The original ones give them in the order of their scores."""
    return [Unplaced(_NOWHERE, crop=_crop_of(each)) for each in reply.metadata]


def _crop_of(metadata: rpc_pb2.MetaData) -> bytes:
    try:
        return decode_base64(metadata.data.decode("latin-1"), _MOST_CROP_BYTES)
    except ImageDecodeError:
        raise ModelFailed("a crop is not base64") from None


def _vector_of(vector: rpc_pb2.Vector, dimension: int) -> Vector | VisopError:
    if len(vector.element) != dimension:
        return ModelFailed(f"a vector of {len(vector.element)} numbers, and Identity says {dimension}")
    return normalise(np.array(vector.element, dtype=np.float32))

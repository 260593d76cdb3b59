"""Protobuf <-> our types: requests to inputs, results to replies, errors to rich statuses."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf import any_pb2, duration_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

from visop import __version__
from visop.contract import OperatorInfo, Vector
from visop.detection import Found, Part, Unplaced
from visop.errors import BadItems, UsageError, VisopError
from visop.images.crops import CropOptions
from visop.images.formats.heif import decodable
from visop.rpc import rpc_pb2
from visop.rpc.statuses import code_of
from visop.serving.pipeline import Call, Input
from visop.serving.steps import Result
from visop.settings import MAX_MARGIN, Settings

# gRPC clients accept 8 KiB of headers by default; a status and its details travel there, the details in base64.
_MAX_DETAILS_BYTES = 4000


class ExecuteInputs(Protocol):
    """The inputs of an ExecuteRequest, over gRPC or HTTP. Images are files; in JSON, in base64."""

    @property
    def urls(self) -> Iterable[str]: ...  # noqa: D102
    @property
    def datas(self) -> Iterable[str]: ...  # noqa: D102
    @property
    def images(self) -> Iterable[bytes | str]: ...  # noqa: D102


def inputs_of(request: ExecuteInputs) -> list[Input]:
    """The inputs in the order of their results: urls, then datas, then images.

    Original engines pass on all that a processor answered in ``metadata``: data, and as many URLs, which are empty and
    so no inputs.
    """
    urls, datas = list(request.urls), list(request.datas)
    if len(urls) == len(datas) and not any(urls):
        urls = []
    return [
        *(Input(f"urls[{index}]", url, is_url=True) for index, url in enumerate(urls)),
        *(Input(f"datas[{index}]", data) for index, data in enumerate(datas)),
        *(Input(f"images[{index}]", image) for index, image in enumerate(request.images)),
    ]


def crops_of(request: rpc_pb2.ExecuteRequest, settings: Settings) -> CropOptions:
    """How a request wants the parts of its pictures.

    Raises:
        UsageError: a number is out of its range.
    """
    wanted = request.crops
    quality = wanted.quality if wanted.HasField("quality") else None
    margin = wanted.margin if wanted.HasField("margin") else None
    return crop_options(settings, omit=wanted.omit, quality=quality, margin=margin)


def crop_options(settings: Settings, *, omit: bool, quality: int | None, margin: float | None) -> CropOptions:
    """Those of a request, or else of the settings. Raises as ``crops_of``."""
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError("crops.quality", quality, "must be from 1 to 100")
    if margin is not None and not 0 <= margin <= MAX_MARGIN:
        raise UsageError("crops.margin", margin, f"must be from 0 to {MAX_MARGIN}")
    return CropOptions(
        settings.crop_quality if quality is None else quality,
        settings.crop_margin if margin is None else margin,
        omit,
    )


@dataclass
class Answers:
    """The results of a call as the lists of a reply.

    Attributes:
        vectors: None for the vector of a bad input.
        crops: JPEG files.
        parts: with their places in the other two.
    """

    vectors: list[Vector | None] = field(default_factory=list)
    crops: list[bytes] = field(default_factory=list)
    parts: list[rpc_pb2.Part] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of results, as the original operators count."""
        return len(self.parts) or len(self.vectors)

    def add(self, number: int, parts: Iterable[Part]) -> None:
        """Add what was found in one input."""
        for part in parts:
            found = part.detection
            added = rpc_pb2.Part(input=number, label=found.label, score=found.score)
            if not isinstance(found, Unplaced):
                added.box.x, added.box.y, added.box.w, added.box.h = found.box
            for left, top in found.keypoints:
                added.keypoints.add(x=left, y=top)
            if part.crop is not None:
                added.crop = len(self.crops)
                self.crops.append(part.crop)
            if part.vector is not None:
                added.vector = len(self.vectors)
                self.vectors.append(part.vector)
            self.parts.append(added)


def answers_of(
    inputs: Sequence[Input], results: Sequence[Result | VisopError], *, partial: bool, parts: bool
) -> Answers:
    """Bring the results of a call into the form of a reply.

    Args:
        inputs: of the call.
        results: one for each.
        partial: whether a bad input leaves the others their results.
        parts: whether the operator answers what it finds, and not one vector for each input.

    Raises:
        BadItems: an input failed and the call was not partial.
    """
    if not partial:
        refuse_bad(inputs, results)
    answers = Answers()
    for number, result in enumerate(results):
        if isinstance(result, Found):
            answers.add(number, result.parts)
        elif not parts:
            answers.vectors.append(None if isinstance(result, VisopError) else result)
    return answers


def reply_of(call: Call, results: Sequence[Result | VisopError], *, partial: bool) -> rpc_pb2.ExecuteReply:
    """The reply to one call. Raises as ``answers_of``."""
    answers = answers_of(call.inputs, results, partial=partial, parts=call.gives_parts)
    reply = rpc_pb2.ExecuteReply(nums=answers.count, parts=answers.parts)
    for vector in answers.vectors:
        added = reply.vectors.add()
        if vector is not None:
            added.element.extend(vector.tolist())  # five times faster than the array itself
    for file in answers.crops:
        reply.metadata.add(data=base64.b64encode(file))
    if partial:
        reply.statuses.extend(map(_item_status, results))
    return reply


def refuse_bad(inputs: Sequence[Input], results: Sequence[Result | VisopError]) -> None:
    """All or nothing: raise BadItems, naming every input that failed."""
    bad = {each.name: result for each, result in zip(inputs, results, strict=True) if isinstance(result, VisopError)}
    if bad:
        raise BadItems(bad)


def _item_status(result: Result | VisopError) -> rpc_pb2.ItemStatus:
    if isinstance(result, VisopError):
        code, wait_s = code_of(result).value[0], result.retry_after_s or 0.0
        return rpc_pb2.ItemStatus(code=code, message=str(result), retry_after_s=wait_s)
    return rpc_pb2.ItemStatus(code=code_pb2.OK)


def identity_of(info: OperatorInfo, endpoint: str, settings: Settings) -> rpc_pb2.IdentityReply:
    """What Identity answers."""
    return rpc_pb2.IdentityReply(
        name=info.name,
        endpoint=endpoint,
        type=info.type,
        input=info.input,
        output=info.output,
        dimension=str(info.dimension),
        metricType=info.metric_type,
        fingerprint=info.fingerprint,
        version=__version__,
        formats=decodable(settings.formats),
        limits=rpc_pb2.Limits(
            max_items=settings.max_items,
            max_image_bytes=settings.max_image_bytes,
            max_pixels=settings.max_pixels,
            max_message_bytes=settings.max_message_bytes,
        ),
        precision=info.precision,
        older_fingerprints=sorted(info.older_fingerprints),
        labels=info.labels,
        parts=info.parts,
        descriptors=info.descriptors,
        workers=1 if settings.workers == "auto" else int(settings.workers),
    )


def identity_json(identity: rpc_pb2.IdentityReply) -> dict[str, Any]:
    """Identity in the JSON mapping of protobuf, with the fields that are empty, too."""
    return json_format.MessageToDict(identity, always_print_fields_with_no_presence=True)


def status_of(error: VisopError) -> status_pb2.Status:
    """An error as a rich status: code, text, and details that a program can read.

    https://google.aip.dev/193: BadRequest names each bad input, RetryInfo says when to try again.
    """
    status = status_pb2.Status(code=code_of(error).value[0], message=str(error))
    if isinstance(error, BadItems):
        _pack(status, _bad_request(error))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_after_s * 1000))
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _bad_request(error: BadItems) -> error_details_pb2.BadRequest:
    """One violation per bad input, as many as headers can hold; the message names them all."""
    request, size = error_details_pb2.BadRequest(), 0
    for name, item in error.items.items():
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=name, description=str(item), reason=code_of(item).name
        )
        size += violation.ByteSize() + 4
        if size > _MAX_DETAILS_BYTES:
            break
        request.field_violations.append(violation)
    return request


def _pack(status: status_pb2.Status, detail: error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)

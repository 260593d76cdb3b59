"""What an operator says of itself, and the limits that it sets."""

from __future__ import annotations

from dataclasses import dataclass

from visop.contract import OperatorInfo
from visop.errors import VisopError
from visop.rpc import rpc_pb2

MIB = 1024 * 1024
MAX_MESSAGE_BYTES = 100 * MIB


@dataclass(frozen=True)
class Limits:
    """The limits of the operator. The defaults are used for an operator that does not report any.

    Attributes:
        max_items: inputs per request.
        max_image_bytes: size of one image file.
        max_pixels: width x height of one picture.
        max_message_bytes: size of one request or reply.
    """

    max_items: int = 256
    max_image_bytes: int = 20 * MIB
    max_pixels: int = 50_000_000
    max_message_bytes: int = MAX_MESSAGE_BYTES


@dataclass(frozen=True)
class Identity:
    """The operator's answer to Identity.

    Attributes:
        operator: what it is; the fingerprint is empty if the operator knows only the original fields.
        endpoint: HOST:PORT where the operator says that it can be reached.
        version: the version of the server software; empty if the operator does not report it.
        formats: the accepted image formats; empty if the operator does not report them.
        limits: the limits on requests; the defaults if the operator does not report any.
        workers: processes with the model, each of which serves calls; 0 if the operator does not report it.
    """

    operator: OperatorInfo
    endpoint: str
    version: str
    formats: tuple[str, ...]
    limits: Limits
    workers: int = 0


def identity_of(reply: rpc_pb2.IdentityReply) -> Identity:
    """Read a reply. Raises VisopError if its dimension is no number."""
    try:
        dimension = int(reply.dimension)
    except ValueError:
        raise VisopError(f"Identity has dimension {reply.dimension[:40]!r}, which is not a number") from None
    operator = OperatorInfo(
        name=reply.name,
        fingerprint=reply.fingerprint,
        dimension=dimension,
        metric_type=reply.metricType,
        type=reply.type,
        input=reply.input,
        output=reply.output,
        labels=tuple(reply.labels),
        parts=reply.parts,
        older_fingerprints=frozenset(reply.older_fingerprints),
        precision=reply.precision,
        descriptors=tuple(reply.descriptors),
    )
    return Identity(
        operator=operator,
        endpoint=reply.endpoint,
        version=reply.version,
        formats=tuple(reply.formats),
        limits=_limits_of(reply.limits),
        workers=reply.workers,
    )


def _limits_of(limits: rpc_pb2.Limits) -> Limits:
    return Limits(
        max_items=limits.max_items or Limits.max_items,
        max_image_bytes=limits.max_image_bytes or Limits.max_image_bytes,
        max_pixels=limits.max_pixels or Limits.max_pixels,
        # The client's channel has a limit of its own.
        max_message_bytes=min(limits.max_message_bytes or MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
    )

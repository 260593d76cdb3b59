"""The client of one operator: it sets a deadline on every call, retries where that helps, and raises ``VisopError``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import grpc
import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from visop import address
from visop.ahead import started_ahead
from visop.client.backoff import Backoff
from visop.client.bulk import BulkStream
from visop.client.chunks import Chunk, Input, RequestLimits, split
from visop.client.remote_waits import with_patience
from visop.client.statuses import error_of_call
from visop.contract import OperatorInfo, Vector
from visop.errors import BadItems, VisopError
from visop.rpc import rpc_pb2, rpc_pb2_grpc

Reply = TypeVar("Reply", bound=Message)

MIB = 1024 * 1024
MAX_MESSAGE_BYTES = 100 * MIB

#: The result of ``Client.health`` for a healthy operator.
HEALTHY = "healthy"

CALL_BACKOFF = Backoff()
# Waits about a minute in all: a restart has to load the model, and bulk work can wait for it.
BULK_BACKOFF = Backoff(retries=20)

# Size of one request of a stream: large enough for gRPC to run at full speed, and several are in memory at once.
_BULK_BYTES = 8 * MIB

_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # gRPC's own wait before it reconnects would grow to two minutes; ``Backoff`` decides instead.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# gRPC would send even calls to 127.0.0.1 through the proxy that ``http_proxy`` names, unless ``no_proxy`` excepts it.
_NO_PROXY = ("grpc.enable_http_proxy", 0)


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
    """

    operator: OperatorInfo
    endpoint: str
    version: str
    formats: tuple[str, ...]
    limits: Limits


class Client:
    """A connection to one operator. A context manager; may be used from several threads.

    Args:
        target: HOST:PORT, or any other name that gRPC resolves.
        timeout_s: limit on the time for one call in seconds, retries included; for ``encode_stream``, for one reply.
        credentials: for a server behind TLS, such as ``grpc.ssl_channel_credentials()``; None connects without TLS.
        backoff: retries of single calls; ``Backoff(retries=0)`` turns them off.
        bulk_backoff: retries of ``encode_stream``; every reply resets the count of failures.
        proxy: whether the proxy that the environment names (``http_proxy``) may be used. Loopback addresses and Unix
            sockets are called without one, whatever this is.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout_s: float = 60.0,
        credentials: grpc.ChannelCredentials | None = None,
        backoff: Backoff = CALL_BACKOFF,
        bulk_backoff: Backoff = BULK_BACKOFF,
        proxy: bool = True,
    ) -> None:
        self.target, self._timeout_s = target, timeout_s
        self._backoff, self._bulk_backoff = backoff, bulk_backoff
        options = _CHANNEL_OPTIONS if proxy and not address.leads_here(target) else [*_CHANNEL_OPTIONS, _NO_PROXY]
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options=options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options=options)
        self._stub = rpc_pb2_grpc.OperatorStub(self._channel)
        self._known: Identity | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and cancel calls in flight. Idempotent."""
        self._channel.close()

    def identity(self) -> Identity:
        """Ask the operator what it is.

        Raises:
            Unreachable: the operator cannot be reached.
            DeadlinePassed: no answer arrived in time.
        """
        self._known = _identity_of(self._call(self._stub.Identity, rpc_pb2.IdentityRequest()))
        return self._known

    def health(self) -> str:
        """Return ``HEALTHY`` if the model works, else what is wrong. Raises as ``identity`` does."""
        return self._call(self._stub.Healthy, rpc_pb2.HealthyRequest()).healthy

    def encode(
        self, *, images: Sequence[bytes] = (), urls: Sequence[str] = (), datas: Sequence[str] = ()
    ) -> npt.NDArray[np.float32]:
        """Turn pictures into vectors; raise if any input fails.

        Inputs that do not fit into one request are sent in several, one after the other.

        Args:
            images: contents of image files.
            urls: http or https URLs, which the operator fetches.
            datas: image files in base64, for operators that know only the original fields.

        Returns:
            (N, dimension) float32, L2-normalised, C-contiguous; first all urls, then all datas, then all images.

        Raises:
            BadItems: inputs failed; names the failed inputs of the first request that had any, with their errors.
            Overloaded: the operator was overloaded at every try.
            Unreachable: the operator cannot be reached.
            DeadlinePassed: no answer arrived in time.
            VisopError: the call failed in another way.
        """
        inputs = _inputs(images, urls, datas)
        vectors = [result for chunk in self._chunks(inputs, partial=False) for result in self._all_or_none(chunk)]
        return np.stack(vectors) if vectors else np.empty((0, self._identity().operator.dimension), np.float32)

    def encode_partial(
        self, *, images: Sequence[bytes] = (), urls: Sequence[str] = (), datas: Sequence[str] = ()
    ) -> list[Vector | VisopError]:
        """Turn pictures into vectors; a failed input does not affect the others.

        Args:
            images: as for ``encode``.
            urls: as for ``encode``.
            datas: as for ``encode``.

        Returns:
            For each input, in the order of ``encode``, a vector, (dimension,) float32, or the error of that input.

        Raises:
            VisopError: a call failed as a whole, as for ``encode``.
        """
        chunks = self._chunks(_inputs(images, urls, datas), partial=True)
        return [result for chunk in chunks for result in self._results(chunk)]

    def encode_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int = 16, window: int = 4
    ) -> Iterator[Vector | VisopError]:
        """Turn any number of pictures into vectors, in bounded memory; a failed input does not affect the others.

        ``inputs`` is read in the caller's thread, only as far as the window needs. If the operator becomes unreachable,
        unanswered requests are sent again once it is back, provided that it still has the same fingerprint. If the
        server of a URL is busy (429, 503 and the like), that input is sent again after the wait that its server asks
        for, three times at most, and not if that is more than a minute. Closing the iterator early cancels the call.

        Args:
            inputs: image files as bytes, URLs as str. An error stands for an input that could not be read, and is
                yielded in its place.
            batch: inputs per request; fewer if they are large.
            window: requests in flight. A result is yielded after at most ``batch * window`` more inputs were read.

        Yields:
            For each input, in order, a vector, (dimension,) float32, or the error of that input.

        Raises:
            Unreachable: the operator became unreachable and did not come back.
            DeadlinePassed: a reply took too long.
            VisopError: a different operator answers there now, or it refuses the stream.
        """
        before = self.identity()
        limits = RequestLimits(
            max_items=min(batch, before.limits.max_items),
            max_image_bytes=before.limits.max_image_bytes,
            max_bytes=before.limits.max_message_bytes,
            pack_bytes=min(_BULK_BYTES, before.limits.max_message_bytes),
        )
        with BulkStream(
            self._stub.ExecuteStream,
            lambda: self._check_unchanged(before.operator),
            self._error_of,
            backoff=self._bulk_backoff,
            timeout_s=self._timeout_s,
        ) as stream:
            chunks = split(_stream_inputs(inputs), limits, partial=True)
            again = partial(self._again, limits=limits, before=before.operator)
            for chunk, _ in started_ahead(lambda chunk: stream.send(chunk.request), chunks, window):
                results = chunk.results(stream.receive(), before.operator.dimension)
                yield from with_patience(chunk.inputs, again, results)

    def _again(self, inputs: Sequence[Input], limits: RequestLimits, before: OperatorInfo) -> list[Vector | VisopError]:
        """Send a few inputs of a stream again, outside of it, as patiently, and only to the same operator."""
        identity = self._call(self._stub.Identity, rpc_pb2.IdentityRequest(), self._bulk_backoff)
        self._refuse_other(before, _identity_of(identity).operator)
        chunk = Chunk(inputs, limits, partial=True)
        reply = self._call(self._stub.Execute, chunk.request, self._bulk_backoff)
        return chunk.results(reply, before.dimension)

    def _all_or_none(self, chunk: Chunk) -> list[Vector]:
        if chunk.refused:
            raise BadItems(chunk.refused)
        try:
            results = self._results(chunk)
        except BadItems as error:
            raise chunk.bad_items(error) from None
        if failed := chunk.failed(results):
            raise BadItems(failed)
        return results  # type: ignore[return-value]  # none is an error

    def _results(self, chunk: Chunk) -> list[Vector | VisopError]:
        reply = self._call(self._stub.Execute, chunk.request)
        return chunk.results(reply, self._identity().operator.dimension)

    def _chunks(self, inputs: Sequence[Input], *, partial: bool) -> Iterator[Chunk]:
        if not inputs:
            return iter(())
        known = self._identity().limits
        limits = RequestLimits(
            max_items=known.max_items,
            max_image_bytes=known.max_image_bytes,
            max_bytes=known.max_message_bytes,
            pack_bytes=known.max_message_bytes,
        )
        return split(inputs, limits, partial=partial)

    def _identity(self) -> Identity:
        """Return the operator's identity, which is requested once and then kept."""
        return self._known or self.identity()

    def _check_unchanged(self, before: OperatorInfo) -> None:
        """Raise if the operator's vectors are no longer comparable with those that it made before."""
        reply = self._stub.Identity(rpc_pb2.IdentityRequest(), timeout=self._timeout_s)
        self._refuse_other(before, _identity_of(reply).operator)

    def _refuse_other(self, before: OperatorInfo, now: OperatorInfo) -> None:
        if (now.name, now.fingerprint, now.dimension) != (before.name, before.fingerprint, before.dimension):
            raise VisopError(
                f"{self.target} was {before.name} with fingerprint {before.fingerprint or 'unknown'}, "
                f"and is now {now.name} with {now.fingerprint or 'unknown'}: their vectors do not fit together"
            )

    def _call(self, method: Callable[..., Reply], request: Message, backoff: Backoff | None = None) -> Reply:
        backoff = backoff or self._backoff
        deadline = time.monotonic() + self._timeout_s
        failures = 0
        while True:
            try:
                return method(request, timeout=deadline - time.monotonic())
            except grpc.RpcError as error:
                failure = self._error_of(error)
            failures += 1
            backoff.pause(failure, failures, deadline)

    def _error_of(self, error: grpc.RpcError) -> VisopError:
        return error_of_call(error, self.target, self._timeout_s)


def _inputs(images: Sequence[bytes], urls: Sequence[str], datas: Sequence[str]) -> list[Input]:
    """Return all inputs in the order of their results."""
    return [
        *(Input("urls", index, url) for index, url in enumerate(urls)),
        *(Input("datas", index, data) for index, data in enumerate(datas)),
        *(Input("images", index, image) for index, image in enumerate(images)),
    ]


def _stream_inputs(inputs: Iterable[bytes | str | VisopError]) -> Iterator[Input]:
    for index, value in enumerate(inputs):
        yield Input("urls" if isinstance(value, str) else "images", index, value)


def _identity_of(reply: rpc_pb2.IdentityReply) -> Identity:
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
    )
    return Identity(
        operator=operator,
        endpoint=reply.endpoint,
        version=reply.version,
        formats=tuple(reply.formats),
        limits=_limits_of(reply.limits),
    )


def _limits_of(limits: rpc_pb2.Limits) -> Limits:
    return Limits(
        max_items=limits.max_items or Limits.max_items,
        max_image_bytes=limits.max_image_bytes or Limits.max_image_bytes,
        max_pixels=limits.max_pixels or Limits.max_pixels,
        # The client's channel has a limit of its own.
        max_message_bytes=min(limits.max_message_bytes or MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
    )

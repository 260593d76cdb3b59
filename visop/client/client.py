"""The client of one operator: it sets a deadline on every call, retries where that helps, and raises ``VisopError``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import grpc
import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from visop.ahead import started_ahead
from visop.client.backoff import Backoff
from visop.client.bulk import BulkStream
from visop.client.channel import open_channel
from visop.client.chunks import Chunk, Input, RequestForm, RequestLimits, split
from visop.client.identity import MAX_MESSAGE_BYTES, MIB, Identity, identity_of
from visop.client.parts import FoundPart, Parts
from visop.client.remote_waits import with_patience
from visop.client.retrying import Reply, call_again
from visop.client.statuses import error_of_call
from visop.contract import OperatorInfo, Vector
from visop.errors import BadItems, DeadlinePassed, Overloaded, Unreachable, UsageError, VisopError
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.tracing.caller import caller_headers

Result = TypeVar("Result")

# Takes the results of the inputs of a chunk from its reply.
_Read = Callable[[Chunk, rpc_pb2.ExecuteReply], list[Result | VisopError]]

#: The result of ``Client.health`` for a healthy operator.
HEALTHY = "healthy"

CALL_BACKOFF = Backoff()
# Waits about a minute in all: a restart has to load the model, and bulk work can wait for it.
BULK_BACKOFF = Backoff(retries=20)

# Lets others go first (RFC 9218, which gRPC's calls are requests of).
_BACKGROUND = (("priority", "u=7"),)

# Size of one request of a stream: large enough for gRPC to run at full speed, and several are in memory at once.
_BULK_BYTES = 8 * MIB


class Client:
    """A connection to one operator. A context manager; may be used from several threads.

    Args:
        target: HOST:PORT, or any other name that gRPC resolves.
        timeout_s: limit on the time for one call in seconds, retries included; for ``encode_stream``, for one reply.
        credentials: for a server behind TLS, such as ``grpc.ssl_channel_credentials()``; None takes what the variables
            ``VISOP_CA`` and its like say, or else connects without TLS.
        backoff: retries of single calls; ``Backoff(retries=0)`` turns them off.
        bulk_backoff: retries of ``encode_stream``; every reply resets the count of failures.
        background: whether single calls let those of others go first, for whom somebody waits; streams always do.
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
        background: bool = False,
        proxy: bool = True,
    ) -> None:
        self.target, self._timeout_s = target, timeout_s
        self._backoff, self._bulk_backoff = backoff, bulk_backoff
        self._channel = open_channel(target, credentials, proxy=proxy)
        self._stub = rpc_pb2_grpc.OperatorStub(self._channel)
        self._execute = self._execute_in_background if background else self._stub.Execute
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
        self._known = identity_of(self._call(self._stub.Identity, rpc_pb2.IdentityRequest()))
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
            UsageError: the operator finds parts of pictures.
            BadItems: inputs failed; names the failed inputs of the first request that had any, with their errors.
            Overloaded: the operator was overloaded at every try.
            Unreachable: the operator cannot be reached.
            DeadlinePassed: no answer arrived in time.
            VisopError: the call failed in another way.
        """
        self._check_encodes(self._identity())
        chunks = self._chunks(_inputs(images, urls, datas), RequestForm(partial=False))
        vectors = [result for chunk in chunks for result in _all_or_none(chunk, self._results)]
        return np.stack(vectors) if vectors else np.empty((0, self._identity().operator.dimension), np.float32)

    def encode_partial(
        self,
        *,
        images: Sequence[bytes] = (),
        urls: Sequence[str] = (),
        datas: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> list[Vector | VisopError]:
        """Turn pictures into vectors; a failed input does not affect the others.

        Args:
            images: as for ``encode``.
            urls: as for ``encode``.
            datas: as for ``encode``.
            timeout_s: for each request, in place of the client's.

        Returns:
            For each input, in the order of ``encode``, a vector, (dimension,) float32, or the error of that input.

        Raises:
            VisopError: a call failed as a whole, as for ``encode``.
        """
        self._check_encodes(self._identity())
        chunks = self._chunks(_inputs(images, urls, datas), RequestForm(partial=True))
        return [result for chunk in chunks for result in self._results(chunk, timeout_s)]

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
        self._check_encodes(before)
        dimension = before.operator.dimension
        form = RequestForm(partial=True)
        yield from self._streamed(
            inputs, before, form, lambda chunk, reply: chunk.results(reply, dimension), batch=batch, window=window
        )

    def detect(
        self,
        *,
        images: Sequence[bytes] = (),
        urls: Sequence[str] = (),
        datas: Sequence[str] = (),
        crops: bool = False,
        quality: int | None = None,
        margin: float | None = None,
    ) -> list[list[FoundPart]]:
        """Find the parts of pictures, with a processor or a pipeline; raise if any input fails.

        Args:
            images: as for ``encode``.
            urls: as for ``encode``.
            datas: as for ``encode``.
            crops: whether the parts are wanted cut out, as JPEGs. An operator that knows only the original fields sends
                these and nothing else, whatever is asked for.
            quality: of the JPEGs, 1 to 100; None is as the operator is set.
            margin: added on each side before cutting out, as a share of the box; None is as the operator is set.

        Returns:
            For each input, in the order of ``encode``, what was found, the most certain first; there may be nothing.

        Raises:
            UsageError: the operator encodes pictures as a whole.
            VisopError: as for ``encode``.
        """
        form = self._detection_form(self._identity(), crops, quality, margin, partial=False)
        chunks = self._chunks(_inputs(images, urls, datas), form)
        return [found for chunk in chunks for found in _all_or_none(chunk, self._found)]

    def detect_partial(
        self,
        *,
        images: Sequence[bytes] = (),
        urls: Sequence[str] = (),
        datas: Sequence[str] = (),
        crops: bool = False,
        quality: int | None = None,
        margin: float | None = None,
        timeout_s: float | None = None,
    ) -> list[list[FoundPart] | VisopError]:
        """Find the parts of pictures; a failed input does not affect the others.

        Arguments as for ``detect``, and ``timeout_s`` as for ``encode_partial``.

        Returns:
            For each input, in the order of ``encode``, what was found, or the error of that input.

        Raises:
            VisopError: as for ``detect``, but for what is wrong with one input.
        """
        form = self._detection_form(self._identity(), crops, quality, margin, partial=True)
        chunks = self._chunks(_inputs(images, urls, datas), form)
        return [found for chunk in chunks for found in self._found(chunk, timeout_s=timeout_s)]

    def detect_stream(
        self,
        inputs: Iterable[bytes | str | VisopError],
        *,
        batch: int = 16,
        window: int = 4,
        crops: bool = False,
        quality: int | None = None,
        margin: float | None = None,
    ) -> Iterator[list[FoundPart] | VisopError]:
        """Find the parts of any number of pictures, in bounded memory; a failed input does not affect the others.

        As ``encode_stream``, which see. An operator that knows only the original fields gets one picture at a time.

        Args:
            inputs: as for ``encode_stream``.
            batch: as for ``encode_stream``.
            window: as for ``encode_stream``.
            crops: as for ``detect``; all crops of a request must fit into one message, so take fewer pictures each.
            quality: as for ``detect``.
            margin: as for ``detect``.

        Yields:
            For each input, in order, what was found, or the error of that input.

        Raises:
            UsageError: the operator encodes pictures as a whole.
            VisopError: as for ``encode_stream``.
        """
        before = self.identity()
        form = self._detection_form(before, crops, quality, margin, partial=True)
        if form.original:
            for chunk in split(_stream_inputs(inputs), _limits(before, 1, MAX_MESSAGE_BYTES), form):
                yield from self._found(chunk, self._bulk_backoff)
        else:
            yield from self._streamed(inputs, before, form, Chunk.parts, batch=batch, window=window)

    @staticmethod
    def _check_encodes(identity: Identity) -> None:
        operator, instead = identity.operator, "call detect, detect_partial or detect_stream"
        if operator.type == "processor":
            raise UsageError("", operator.name, f"is a processor, which finds parts of pictures: {instead}")
        if operator.parts:
            why = f"is a pipeline, whose vectors are of the parts that {operator.parts} finds: {instead}"
            raise UsageError("", operator.name, why)

    def _detection_form(
        self, identity: Identity, crops: bool, quality: int | None, margin: float | None, *, partial: bool
    ) -> RequestForm:
        if identity.operator.type == "encoder" and not identity.operator.parts:
            raise UsageError(
                "", identity.operator.name, "is an encoder of whole pictures, and finds no parts of them: call encode"
            )
        wanted = rpc_pb2.Crops(omit=not crops, quality=quality, margin=margin)
        return RequestForm(partial, wanted, original=not identity.version)

    def _streamed(
        self,
        inputs: Iterable[bytes | str | VisopError],
        before: Identity,
        form: RequestForm,
        read: _Read[Result],
        *,
        batch: int,
        window: int,
    ) -> Iterator[Result | VisopError]:
        limits = _limits(before, batch, _BULK_BYTES)

        def again(inputs: Sequence[Input]) -> list[Result | VisopError]:
            """Send a few inputs again, outside of the stream, as patiently, and only to the same operator."""
            identity = self._call(self._stub.Identity, rpc_pb2.IdentityRequest(), self._bulk_backoff)
            self._refuse_other(before.operator, identity_of(identity).operator)
            chunk = Chunk(inputs, limits, form)
            return read(chunk, self._call(self._execute_in_background, chunk.request, self._bulk_backoff))

        with BulkStream(
            lambda requests: self._stub.ExecuteStream(requests, metadata=caller_headers()),
            lambda: self._check_unchanged(before.operator),
            self._error_of,
            backoff=self._bulk_backoff,
            timeout_s=self._timeout_s,
        ) as stream:
            chunks = split(_stream_inputs(inputs), limits, form)
            for chunk, _ in started_ahead(lambda chunk: stream.send(chunk.request), chunks, window):
                yield from with_patience(chunk.inputs, again, read(chunk, stream.receive()))

    def _execute_in_background(
        self, request: rpc_pb2.ExecuteRequest, *, timeout: float, metadata: tuple[tuple[str, str], ...] | None
    ) -> rpc_pb2.ExecuteReply:
        return self._stub.Execute(request, timeout=timeout, metadata=(*_BACKGROUND, *(metadata or ())))

    def _results(self, chunk: Chunk, timeout_s: float | None = None) -> list[Vector | VisopError]:
        reply = self._call(self._execute, chunk.request, timeout_s=timeout_s)
        return chunk.results(reply, self._identity().operator.dimension)

    def _found(self, chunk: Chunk, backoff: Backoff | None = None, timeout_s: float | None = None) -> list[Parts]:
        if not chunk.is_sent:
            return chunk.parts(rpc_pb2.ExecuteReply())
        try:
            return chunk.parts(self._call(self._execute, chunk.request, backoff, timeout_s))
        except (Overloaded, Unreachable, DeadlinePassed):
            raise
        except VisopError as error:
            if not chunk.form.original:
                raise
            return chunk.failing(error)  # it has no status for an input, and the request had one input

    def _chunks(self, inputs: Sequence[Input], form: RequestForm) -> Iterator[Chunk]:
        if not inputs:
            return iter(())
        known = self._identity()
        return split(inputs, _limits(known, known.limits.max_items, MAX_MESSAGE_BYTES), form)

    def _identity(self) -> Identity:
        """Return the operator's identity, which is requested once and then kept."""
        return self._known or self.identity()

    def _check_unchanged(self, before: OperatorInfo) -> None:
        """Raise if the operator's vectors are no longer comparable with those that it made before."""
        reply = self._stub.Identity(rpc_pb2.IdentityRequest(), timeout=self._timeout_s)
        self._refuse_other(before, identity_of(reply).operator)

    def _refuse_other(self, before: OperatorInfo, now: OperatorInfo) -> None:
        if (now.name, now.fingerprint, now.dimension) != (before.name, before.fingerprint, before.dimension):
            raise VisopError(
                f"{self.target} was {before.name} with fingerprint {before.fingerprint or 'unknown'}, "
                f"and is now {now.name} with {now.fingerprint or 'unknown'}: their vectors do not fit together"
            )

    def _call(
        self,
        method: Callable[..., Reply],
        request: Message,
        backoff: Backoff | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        error_of = partial(self._error_of, timeout_s=limit_s)
        return call_again(method, request, limit_s, backoff or self._backoff, error_of)

    def _error_of(self, error: grpc.RpcError, timeout_s: float | None = None) -> VisopError:
        return error_of_call(error, self.target, self._timeout_s if timeout_s is None else timeout_s)


def _all_or_none(chunk: Chunk, results_of: Callable[[Chunk], list[Result | VisopError]]) -> list[Result]:
    if chunk.refused:
        raise BadItems(chunk.refused)
    try:
        results = results_of(chunk)
    except BadItems as error:
        raise chunk.bad_items(error) from None
    if failed := chunk.failed(results):
        raise BadItems(failed)
    return results  # type: ignore[return-value]  # none is an error


def _limits(identity: Identity, max_items: int, pack_bytes: int) -> RequestLimits:
    limits = identity.limits
    return RequestLimits(
        max_items=min(max_items, limits.max_items),
        max_image_bytes=limits.max_image_bytes,
        max_bytes=limits.max_message_bytes,
        pack_bytes=min(pack_bytes, limits.max_message_bytes),
    )


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

"""Split any number of inputs into requests within the operator's limits, and put the results back in order."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from visop.client.parts import Parts, crops_alone, parts_of
from visop.contract import Vector
from visop.errors import BadItems, ImageTooLarge, InvalidInput, VisopError
from visop.rpc import rpc_pb2
from visop.rpc.statuses import error_of_number

# An upper bound for the tag and length of one input in a serialised request.
_OVERHEAD_BYTES = 16

Result = TypeVar("Result")


@dataclass(frozen=True)
class Input:
    """One input of the caller.

    Attributes:
        kind: the field of the request that carries it.
        index: its position among the caller's inputs of this kind, from 0.
        value: a URL, base64 text or an image file; or an error if the input could not be read.
    """

    kind: Literal["urls", "datas", "images"]
    index: int
    value: str | bytes | VisopError

    @property
    def name(self) -> str:
        """The input's name, such as ``datas[3]``, as in the server's messages."""
        return f"{self.kind}[{self.index}]"

    @property
    def size(self) -> int:
        """An upper bound for the bytes on the wire."""
        return _OVERHEAD_BYTES + (0 if isinstance(self.value, VisopError) else len(self.value))


@dataclass(frozen=True)
class RequestLimits:
    """The limits on one request.

    Attributes:
        max_items: number of inputs.
        max_image_bytes: size of one image file.
        max_bytes: size of the whole request.
        pack_bytes: total size of inputs that share a request; a larger input is sent alone.
    """

    max_items: int
    max_image_bytes: int
    max_bytes: int
    pack_bytes: int


@dataclass(frozen=True)
class RequestForm:
    """What a request says beside its inputs.

    Attributes:
        partial: whether a bad input leaves the others their results.
        crops: how a processor is to cut out what it finds; None says nothing.
        original: whether the operator knows only the original fields: image files are sent in base64, and the reply
            does not say to which input a crop belongs, so that a request has one.
    """

    partial: bool
    crops: rpc_pb2.Crops | None = None
    original: bool = False


def split(inputs: Iterable[Input], limits: RequestLimits, form: RequestForm) -> Iterator[Chunk]:
    """Pack inputs into requests, in order. Reads ``inputs`` lazily, only as far as the next request needs."""
    most = 1 if form.original else limits.max_items
    waiting: list[Input] = []
    size = 0
    for item in inputs:
        if waiting and size + item.size > limits.pack_bytes:
            yield Chunk(waiting, limits, form)
            waiting, size = [], 0
        waiting.append(item)
        size += item.size
        if len(waiting) == most:
            yield Chunk(waiting, limits, form)
            waiting, size = [], 0
    if waiting:
        yield Chunk(waiting, limits, form)


class Chunk:
    """The inputs of one request, sent and refused.

    Attributes:
        inputs: what it was made of.
        form: of the request.
        request: the request, ready to send.
        refused: the inputs that are not sent, by name, each with its error.
    """

    def __init__(self, inputs: Sequence[Input], limits: RequestLimits, form: RequestForm) -> None:
        self.request = rpc_pb2.ExecuteRequest(partial=form.partial, crops=form.crops)
        self.form = form
        self.refused: dict[str, VisopError] = {}
        self.inputs = inputs
        sent: dict[str, list[str]] = {"urls": [], "datas": [], "images": []}
        for item in inputs:
            if (error := _refusal(item, limits)) is not None:
                self.refused[item.name] = error
            else:
                kind, value = _as_original(item) if form.original else (item.kind, item.value)
                getattr(self.request, kind).append(value)
                sent[kind].append(item.name)
        # The server's name of an input -> the caller's, in the order of the server's results.
        self._sent = {f"{kind}[{index}]": name for kind, names in sent.items() for index, name in enumerate(names)}

    @property
    def is_sent(self) -> bool:
        """Whether any input is sent."""
        return bool(self._sent)

    def results(self, reply: rpc_pb2.ExecuteReply, dimension: int) -> list[Vector | VisopError]:
        """Return one vector or error per input, in the order of the inputs.

        Args:
            reply: to this request.
            dimension: of the operator's vectors, as Identity says.

        Raises:
            VisopError: the number of vectors or statuses in the reply does not match the request, or a vector has
                another dimension.
        """
        return self._in_order(_read(reply, len(self._sent), dimension))

    def parts(self, reply: rpc_pb2.ExecuteReply) -> list[Parts]:
        """Return what was found in each input, or its error, in the order of the inputs.

        Raises:
            VisopError: the reply does not fit the request, or cannot be read.
        """
        if self.form.original and self.is_sent:
            return self._in_order(crops_alone(reply))
        return self._in_order(parts_of(reply, len(self._sent)))

    def failing(self, error: VisopError) -> list[Parts]:
        """Return the results of a call that failed as a whole, for that reason."""
        return self._in_order([error] * len(self._sent))

    def _in_order(self, results: Sequence[Result | VisopError]) -> list[Result | VisopError]:
        """Put results of what was sent between the errors of what was not."""
        by_name: dict[str, Result | VisopError] = dict(self.refused)
        by_name.update(zip(self._sent.values(), results, strict=True))
        return [by_name[item.name] for item in self.inputs]

    def failed(self, results: Sequence[object]) -> dict[str, VisopError]:
        """The errors among ``results``, by the caller's name of the input."""
        named = zip(self.inputs, results, strict=True)
        return {item.name: result for item, result in named if isinstance(result, VisopError)}

    def bad_items(self, error: BadItems) -> BadItems:
        """Rename the inputs of an error to the caller's names: the server counts from the start of each request."""
        items = {self._sent.get(name, name): failure for name, failure in error.items.items()}
        if items.keys() == error.items.keys():
            return error
        return BadItems(items)


def _as_original(item: Input) -> tuple[str, str | bytes | VisopError]:
    """Put an input into the fields that the original operators know."""
    if isinstance(item.value, bytes):
        return "datas", base64.b64encode(item.value).decode()
    return item.kind, item.value


def _refusal(item: Input, limits: RequestLimits) -> VisopError | None:
    """Return the error of an input that cannot be sent, else None."""
    if isinstance(item.value, VisopError):
        return item.value
    if isinstance(item.value, str):
        try:
            item.value.encode()
        except UnicodeEncodeError:
            return InvalidInput("not valid Unicode text")
    elif len(item.value) > limits.max_image_bytes:
        return ImageTooLarge(f"{len(item.value)} bytes, the limit is {limits.max_image_bytes}")
    if item.size > limits.max_bytes:
        return ImageTooLarge(f"{item.size} bytes in a message, the limit is {limits.max_bytes}")
    return None


def _read(reply: rpc_pb2.ExecuteReply, count: int, dimension: int) -> list[Vector | VisopError]:
    if len(reply.vectors) != count or len(reply.statuses) not in (0, count):
        raise VisopError(
            f"the operator answered {len(reply.vectors)} vectors and {len(reply.statuses)} statuses for {count} inputs"
        )
    if not reply.statuses:  # the request was not partial, or the operator does not know ``partial``
        return [_vector(vector, dimension) for vector in reply.vectors]
    return [
        error_of_number(status.code, status.message, status.retry_after_s)
        if status.code
        else _vector(vector, dimension)
        for vector, status in zip(reply.vectors, reply.statuses, strict=True)
    ]


def _vector(vector: rpc_pb2.Vector, dimension: int) -> Vector | VisopError:
    if len(vector.element) != dimension:
        raise VisopError(
            f"the operator answered a vector of {len(vector.element)} numbers, and says {dimension} of itself"
        )
    # Eight times as fast as converting to a list first, because NumPy takes all values of the container at once.
    row = np.array(vector.element, dtype=np.float32)
    return row if np.isfinite(row).all() else VisopError("the operator answered NaN or inf")

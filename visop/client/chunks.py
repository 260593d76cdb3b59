"""Any number of inputs in requests that keep within the operator's limits, and the replies back in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from visop.contract import Vector
from visop.errors import BadItems, ImageTooLarge, InvalidInput, VisopError
from visop.rpc import rpc_pb2
from visop.rpc.statuses import error_of_number

# Tag and length of one input inside a request, at most.
_OVERHEAD_BYTES = 16


@dataclass(frozen=True)
class Input:
    """One input of the caller.

    Attributes:
        kind: the field of the request that carries it.
        index: its place among the caller's inputs of this kind.
        value: a URL, base64 text or an image file; or why there is nothing to send.
    """

    kind: Literal["urls", "datas", "images"]
    index: int
    value: str | bytes | VisopError

    @property
    def name(self) -> str:
        """Such as ``datas[3]``, as the server's messages say it."""
        return f"{self.kind}[{self.index}]"

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return _OVERHEAD_BYTES + (0 if isinstance(self.value, VisopError) else len(self.value))


@dataclass(frozen=True)
class Caps:
    """What one request may hold.

    Attributes:
        max_items: inputs.
        max_image_bytes: of one image file.
        max_bytes: of the whole request.
        pack_bytes: of inputs that share a request; one that is larger travels alone.
    """

    max_items: int
    max_image_bytes: int
    max_bytes: int
    pack_bytes: int


def split(inputs: Iterable[Input], caps: Caps, *, partial: bool) -> Iterator[Chunk]:
    """Pack inputs into requests, in order, reading ``inputs`` only as far as the next request needs."""
    waiting: list[Input] = []
    size = 0
    for item in inputs:
        if waiting and size + item.size > caps.pack_bytes:
            yield Chunk(waiting, caps, partial=partial)
            waiting, size = [], 0
        waiting.append(item)
        size += item.size
        if len(waiting) == caps.max_items:
            yield Chunk(waiting, caps, partial=partial)
            waiting, size = [], 0
    if waiting:
        yield Chunk(waiting, caps, partial=partial)


class Chunk:
    """The inputs of one request, which itself keeps only what goes over the wire.

    Attributes:
        request: ready to send.
        refused: the inputs that are not sent, by name, each with its error.
    """

    def __init__(self, inputs: Sequence[Input], caps: Caps, *, partial: bool) -> None:
        self.request = rpc_pb2.ExecuteRequest(partial=partial)
        self.refused: dict[str, VisopError] = {}
        self._names = [item.name for item in inputs]
        sent: dict[str, list[str]] = {"urls": [], "datas": [], "images": []}
        for item in inputs:
            if (problem := _problem(item, caps)) is not None:
                self.refused[item.name] = problem
            else:
                getattr(self.request, item.kind).append(item.value)
                sent[item.kind].append(item.name)
        # By the server's name for an input, in the order of the server's results.
        self._sent = {f"{kind}[{index}]": name for kind, names in sent.items() for index, name in enumerate(names)}

    def results(self, reply: rpc_pb2.ExecuteReply) -> list[Vector | VisopError]:
        """A vector or an error per input, in the order of the inputs.

        Raises:
            VisopError: the reply does not fit the request.
        """
        by_name: dict[str, Vector | VisopError] = dict(self.refused)
        by_name.update(zip(self._sent.values(), _read(reply, len(self._sent)), strict=True))
        return [by_name[name] for name in self._names]

    def bad_items(self, error: BadItems) -> BadItems:
        """The same error in the caller's names: the server counts from the start of each request."""
        items = {self._sent.get(name, name): problem for name, problem in error.items.items()}
        if items.keys() == error.items.keys():
            return error
        return BadItems(items)


def _problem(item: Input, caps: Caps) -> VisopError | None:
    """Why an input cannot be sent, or None."""
    if isinstance(item.value, VisopError):
        return item.value
    if isinstance(item.value, str):
        try:
            item.value.encode()
        except UnicodeEncodeError:
            return InvalidInput("not valid Unicode text")
    elif len(item.value) > caps.max_image_bytes:
        return ImageTooLarge(f"{len(item.value)} bytes, the limit is {caps.max_image_bytes}")
    if item.size > caps.max_bytes:
        return ImageTooLarge(f"{item.size} bytes in a message, the limit is {caps.max_bytes}")
    return None


def _read(reply: rpc_pb2.ExecuteReply, count: int) -> list[Vector | VisopError]:
    if len(reply.vectors) != count or len(reply.statuses) not in (0, count):
        raise VisopError(
            f"the operator answered {len(reply.vectors)} vectors and {len(reply.statuses)} statuses for {count} inputs"
        )
    if not reply.statuses:  # all went well, or an operator that does not know `partial`
        return [_vector(vector) for vector in reply.vectors]
    return [
        error_of_number(status.code, status.message) if status.code else _vector(vector)
        for vector, status in zip(reply.vectors, reply.statuses, strict=True)
    ]


def _vector(vector: rpc_pb2.Vector) -> Vector:
    if not vector.element:
        raise VisopError("the operator answered an empty vector for an input that it took")
    # Eight times faster than through a list: NumPy asks the container for an array at once.
    return np.array(vector.element, dtype=np.float32)

"""Encode every input that is not done yet, and write each result into the file of vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from visop.client import HEALTHY
from visop.contract import Vector
from visop.encoding.vector_file import VectorFile
from visop.errors import ModelFailed, VisopError
from visop.sources import read_input


class StreamEncoder(Protocol):
    """A ``visop.client.Client``, or an operator in this process."""

    def health(self) -> str:
        """``HEALTHY``, or what is wrong."""

    def encode_stream(self, inputs: Iterable[bytes | str | VisopError], *, batch: int) -> Iterator[Vector | VisopError]:
        """Do as ``Client.encode_stream``."""


def encode_into(
    file: VectorFile,
    encoder: StreamEncoder,
    names: Iterable[str],
    *,
    max_image_bytes: int,
    batch: int,
    on_done: Callable[[], object],
) -> None:
    """Encode what is not done yet, each input on its own row or in the errors.

    Args:
        file: where vectors and errors go.
        encoder: makes the vectors.
        names: all inputs, also those that are done.
        max_image_bytes: of one image; above it, an input is an error.
        batch: inputs per request.
        on_done: called after each input.

    Raises:
        VisopError: the run cannot go on. What is done stays done.
    """
    left = list(not_done(names, file.done))
    inputs = (read_input(name, max_image_bytes) for name in left)
    for name, result in zip(left, encoder.encode_stream(inputs, batch=batch), strict=True):
        if isinstance(result, ModelFailed):
            check_health(encoder, "the operator")
        file.add(name, result)
        on_done()


def not_done(names: Iterable[str], done: Counter[str]) -> Iterator[str]:
    """Yield the names that are not done; a name that is given twice has to be done twice."""
    left = done.copy()
    for name in names:
        if left[name] > 0:
            left[name] -= 1
        else:
            yield name


class HasHealth(Protocol):
    """What works on many inputs."""

    def health(self) -> str:
        """``HEALTHY``, or what is wrong."""


def check_health(operator: HasHealth, name: str) -> None:
    """Tell an input that breaks the model from a model that is broken, which would fail every input from here on.

    Raises:
        VisopError: the model is broken; says so of ``name``.
    """
    if (health := operator.health()) != HEALTHY:
        raise VisopError(f"{name} is not healthy: {health}")

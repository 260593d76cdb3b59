"""The operators that analyses are made with, by name: what each can do, whatever it runs on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from visop.client import FoundPart
from visop.contract import OperatorInfo, Vector
from visop.errors import UsageError, VisopError
from visop.vectors import descriptors_of


@dataclass(frozen=True)
class OperatorResult:
    """What an operator made of one picture. Of an encoder, it is a vector; of others, what was found.

    Attributes:
        vectors: (dimension,) float32 of the whole picture.
        detections: what was found, the most certain first; those of a pipeline have vectors of their own.
        descriptors: several vectors of one pass, (dimension,) float32 each, by name.
    """

    vectors: Vector | None = None
    detections: tuple[FoundPart, ...] | None = None
    descriptors: Mapping[str, Vector] | None = None

    @classmethod
    def of_vector(cls, vector: Vector, info: OperatorInfo) -> OperatorResult:
        """What an encoder made: its vector, or the descriptors that it has side by side."""
        if info.descriptors:
            return cls(descriptors=descriptors_of(vector, info.descriptors))
        return cls(vectors=vector)


class RunsOperator(Protocol):
    """Calls one operator, in this process or another. May be used from several threads."""

    @property
    def name(self) -> str:
        """As analyses name it."""

    @property
    def info(self) -> OperatorInfo:
        """What it is. Raises VisopError while nobody can say."""

    def run(
        self, pictures: Sequence[bytes], timeout_s: float, *, bulk: bool = False
    ) -> list[OperatorResult | VisopError]:
        """One result for each picture, in order, or the error of that picture.

        Args:
            pictures: contents of image files.
            timeout_s: for all of them, in seconds.
            bulk: whether others of the operator go first, for whom somebody waits.

        Raises:
            VisopError: the call failed as a whole.
        """

    def trouble(self) -> str | None:
        """Why results cannot be had now, in words, or None."""

    def close(self) -> None:
        """Release what it holds. Idempotent."""


class Operators(Mapping[str, RunsOperator]):
    """The operators of a service or a worker, by name, in the order that they were given.

    Raises:
        UsageError: two have the same name.
    """

    def __init__(self, operators: Sequence[RunsOperator]) -> None:
        self._by_name = {each.name: each for each in operators}
        if len(self._by_name) != len(operators):
            names = [each.name for each in operators]
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError("operator", twice, "two operators have this name; name them NAME=HOST:PORT")

    def __getitem__(self, name: str) -> RunsOperator:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def close(self) -> None:
        """Close all."""
        for each in self._by_name.values():
            each.close()

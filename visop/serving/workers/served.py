"""What stands for the operator of the workers in the front process, which has no model."""

from __future__ import annotations

from typing import Any, NoReturn

from visop.contract import Encoder, OperatorInfo, Processor
from visop.errors import VisopError
from visop.serving.part_encoder import AnyOperator, PartEncoder
from visop.serving.workers.messages import Served


class ServedEncoder(Encoder):
    """An encoder of the workers.

    Args:
        info: what a worker said of it.
    """

    name, dimension = "", 0

    def __init__(self, info: OperatorInfo) -> None:
        self._info = info
        self.name, self.dimension, self.metric_type = info.name, info.dimension, info.metric_type
        self.fingerprint, self.older_fingerprints = info.fingerprint, info.older_fingerprints
        self.precision, self.descriptors = info.precision, info.descriptors

    def infer(self, batch: Any) -> NoReturn:
        """Never called: calls go to the workers."""
        raise _no_model()

    def info(self) -> OperatorInfo:
        """What the worker said."""
        return self._info


class ServedProcessor(Processor):
    """A processor of the workers.

    Args:
        info: what a worker said of it.
    """

    name = ""

    def __init__(self, info: OperatorInfo) -> None:
        self._info = info
        self.name, self.labels, self.fingerprint = info.name, info.labels, info.fingerprint

    def infer(self, batch: Any) -> NoReturn:
        """Never called: calls go to the workers."""
        raise _no_model()

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> NoReturn:
        """Never called."""
        raise _no_model()

    def info(self) -> OperatorInfo:
        """What the worker said."""
        return self._info


def _no_model() -> VisopError:
    return VisopError("the model is in other processes")


def served_of(operator: AnyOperator, *, gives_parts: bool) -> Served:
    """What a worker says of its operator."""
    if isinstance(operator, PartEncoder):
        return Served(operator.processor.info(), operator.encoder.info(), operator.choice, gives_parts)
    if isinstance(operator, Processor):
        return Served(operator.info(), None, None, gives_parts)
    return Served(None, operator.info(), None, gives_parts)


def operator_of(served: Served) -> AnyOperator:
    """What stands for it in the front process."""
    if served.processor and served.encoder:
        return PartEncoder(ServedProcessor(served.processor), ServedEncoder(served.encoder), served.choice)
    if served.encoder:
        return ServedEncoder(served.encoder)
    if served.processor:
        return ServedProcessor(served.processor)
    raise VisopError("a worker serves neither an encoder nor a processor")

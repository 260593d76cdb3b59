"""The header of an encoder file: what the file says of itself, and whether its tensors make an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, get_args

from visop.errors import WeightsError
from visop.models.registry import Pooling

FORMAT = 1

#: What the names of ranges begin with; a layer follows.
RANGES = "ranges/"

MAX_DIMENSION = 1 << 16
_SINGLE = ("gem/p", "head/kernel", "head/bias", "whitening/kernel", "whitening/bias")

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class EncoderHeader:
    """What an encoder file says of itself, checked for consistency; the tensors are not read.

    Attributes:
        model: name of the network in the registry.
        pooling: how its feature map becomes a vector.
        dimension: length of the vectors that the whole encoder gives.
        card: what it was made from and what it is good for; a JSON object.
        shapes: of every tensor, by name.
    """

    model: str
    pooling: Pooling
    dimension: int
    card: Mapping[str, Any]
    shapes: Shapes

    @property
    def has_head(self) -> bool:
        """Whether a linear layer follows the pooling."""
        return "head/kernel" in self.shapes

    @property
    def has_whitening(self) -> bool:
        """Whether the vectors are whitened."""
        return "whitening/kernel" in self.shapes

    @property
    def has_ranges(self) -> bool:
        """Whether it can compute in eight bits."""
        return any(name.startswith(RANGES) for name in self.shapes)


def header_of(path: Path, facts: Mapping[str, Any], shapes: Shapes) -> EncoderHeader:
    """Make a header of what stands in a file.

    Args:
        path: the file, for errors.
        facts: the JSON object of its metadata.
        shapes: of its tensors.

    Raises:
        WeightsError: this is no encoder; says what does not fit.
    """
    if facts.get("kind", "encoder") != "encoder":
        raise WeightsError("", "", f"{path} is of a {facts['kind']}; here an encoder file is needed")
    if facts.get("format") != FORMAT:
        raise WeightsError(
            "", "", f"{path} is an encoder file of format {facts.get('format')}; this visop reads {FORMAT}"
        )
    model, pooling, card = facts.get("model"), facts.get("pooling"), facts.get("card")
    dimension = facts.get("dimension")
    if not isinstance(model, str) or not isinstance(card, Mapping):
        raise WeightsError("", "", f"{path}: 'model' must be a text and 'card' an object")
    if not _is_pooling(pooling):
        raise WeightsError("", "", f"{path}: 'pooling' is {pooling!r}, must be one of {', '.join(get_args(Pooling))}")
    if type(dimension) is not int or not 1 <= dimension <= MAX_DIMENSION:
        raise WeightsError(
            "", "", f"{path}: 'dimension' is {dimension!r}, must be a whole number from 1 to {MAX_DIMENSION}"
        )
    _check_shapes(path, shapes, pooling, dimension)
    return EncoderHeader(model=model, pooling=pooling, dimension=dimension, card=card, shapes=shapes)


def _is_pooling(value: object) -> TypeGuard[Pooling]:
    return value in get_args(Pooling)


def _check_shapes(path: Path, shapes: Shapes, pooling: str, dimension: int) -> None:
    """Hold the tensors after the backbone to their places; those of the backbone are the model's matter."""
    for name, shape in shapes.items():
        if name not in _SINGLE and not name.startswith(("backbone/", RANGES)):
            raise WeightsError(
                "", "", f"{path}: {name} is no tensor of an encoder; there are backbone/... and {_SINGLE}"
            )
        if name.startswith(RANGES) and shape != (2,):
            raise WeightsError("", "", f"{path}: {name} has shape {shape}, must be (2,)")
        if 0 in shape:  # its other sides may claim anything
            raise WeightsError("", "", f"{path}: {name} has shape {shape}: there are no numbers in it")
    if "gem/p" in shapes and (pooling != "gem" or shapes["gem/p"] != ()):
        raise WeightsError(
            "", "", f"{path}: gem/p has shape {shapes['gem/p']} and pooling {pooling}, must be () and gem"
        )
    width: int | None = None
    for part in ("head", "whitening"):
        width = _check_linear(path, shapes, part, width)
    if width not in (None, dimension):
        raise WeightsError("", "", f"{path}: 'dimension' is {dimension}, the tensors give {width}")


def _check_linear(path: Path, shapes: Shapes, part: str, width: int | None) -> int | None:
    """The length of vectors after this part: that of the one before if there is no such part."""
    kernel, bias = shapes.get(f"{part}/kernel"), shapes.get(f"{part}/bias")
    if kernel is None and bias is None:
        return width
    if kernel is None or len(kernel) != 2 or bias != kernel[1:] or (width is not None and width != kernel[0]):
        inputs = "inputs" if width is None else str(width)
        rule = f"must be ({inputs}, outputs) and (outputs,)"
        raise WeightsError("", "", f"{path}: {part}/kernel has shape {kernel} and {part}/bias {bias}, {rule}")
    return kernel[1]

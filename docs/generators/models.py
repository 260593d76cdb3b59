"""The table of models, from their registry."""

from __future__ import annotations

from markdown import block, code, table

from visop.models.registry import MODELS, ModelSpec
from visop.models.selection import Selection
from visop.settings import Settings


def reference() -> str:
    """Every model that ``OP_MODEL`` can name."""
    head = ["`OP_MODEL`", "dimension", "input", "pooling", "precisions of one space", "licence of the weights"]
    return table(head, map(_row, MODELS.values()))


def _row(spec: ModelSpec) -> list[str]:
    size = f"{spec.width} × {spec.height}"
    return [code(spec.name), str(spec.dimension), size, spec.pooling, ", ".join(spec.space), spec.weights_licence]


def fingerprint() -> str:
    """That of the encoder that is shipped."""
    return block(Selection.of(Settings()).fingerprint("f32"))

"""The table of models, from their registry."""

from __future__ import annotations

from markdown import code, table

from visop.models.registry import MODELS, ModelSpec


def reference() -> str:
    """Every model that ``OP_MODEL`` can name."""
    head = ["`OP_MODEL`", "dimension", "input", "pooling", "`auto` precision, at most", "licence of the weights"]
    return table(head, map(_row, MODELS.values()))


def _row(spec: ModelSpec) -> list[str]:
    size = f"{spec.width} × {spec.height}"
    return [code(spec.name), str(spec.dimension), size, spec.pooling, spec.fastest, spec.weights_licence]

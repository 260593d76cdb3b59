"""The table of models, from their registry."""

from __future__ import annotations

from markdown import block, code, table

from visop.models.registry import MODELS, ModelSpec
from visop.models.selection import Selection
from visop.processors.ssd.variants import VARIANTS
from visop.settings import Settings


def reference() -> str:
    """Every model that ``OP_MODEL`` can name."""
    head = ["`OP_MODEL`", "dimension", "input", "pooling", "precisions of one space", "licence of the weights"]
    return table(head, map(_row, MODELS.values()))


def detectors() -> str:
    """The detectors whose weights others publish."""
    head = ["`OP_MODEL`", "kinds of objects", "weights", "licence of the weights"]
    rows = (
        [code(each.name), str(len(set(filter(None, each.labels)))), each.file, each.licence]
        for each in VARIANTS.values()
    )
    return table(head, rows)


def _row(spec: ModelSpec) -> list[str]:
    size = f"{spec.width} × {spec.height}"
    return [code(spec.name), str(spec.dimension), size, spec.pooling, ", ".join(spec.space), spec.weights_licence]


def fingerprint() -> str:
    """That of the encoder that is shipped."""
    return block(Selection.of(Settings()).fingerprint("f32"))

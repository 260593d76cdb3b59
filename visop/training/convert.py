"""Write an encoder of any kind as an encoder file, with the ranges for eight bits: what ``visop convert`` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visop.models.encoder_file import made_now, write_encoder_file
from visop.models.selection import Selection
from visop.training.ranges import ABOUT, encoder_tensors


def convert(selection: Selection, out: Path) -> Selection:
    """Write an encoder file that gives the vectors of this encoder.

    Args:
        selection: an encoder file, or published or own weights. The weights are copied as they are, and so is a card.
        out: the file; what is there is replaced.

    Returns:
        The encoder that the file is.

    Raises:
        WeightsError: the weights do not fit the model, or the file cannot be written.
        UsageError: the model could not be built.
    """
    pooling = selection.one_pooling()
    tensors = encoder_tensors(selection)
    converted = selection.of_tensors(pooling, selection.spec.dimension, tensors, out)
    write_encoder_file(
        out,
        model=converted.spec.name,
        pooling=pooling,
        dimension=converted.spec.dimension,
        tensors=tensors,
        card=_card(selection, out, has_ranges=bool(converted.weights.ranges_sha256)),
    )
    return converted


def _card(selection: Selection, out: Path, *, has_ranges: bool) -> dict[str, Any]:
    header = selection.weights.header
    measured = {"ranges": ABOUT} if has_ranges and not (header and header.has_ranges) else {}
    if header is None:
        made = f"{selection.spec.name} with {selection.weights.kind} weights"
        return {"name": out.stem, "summary": made, **measured, "made": made_now()}
    old: Mapping[str, Any] = header.card
    return {**old, **measured, "made": made_now(before=old.get("made"))}

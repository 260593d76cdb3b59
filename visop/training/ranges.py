"""The ranges for eight bits that an encoder file has, measured when it is made."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from visop.contract import Image
from visop.images.decode import resize_image
from visop.models.encoder_file import read_stored, write_encoder_file
from visop.models.encoder_header import RANGES
from visop.models.export import PERCENTILE, convert_in_subprocess
from visop.models.registry import ModelSpec
from visop.models.selection import Selection
from visop.models.tensor_file import SUFFIX, Tensors
from visop.synthetic.generate import EDITION, SERIES, generate_picture

_PICTURES = 64

#: The entry ``ranges`` of a card: how they were measured.
ABOUT: dict[str, Any] = {"pictures": _PICTURES, "data": f"visop generate, edition {EDITION}", "percentile": PERCENTILE}


def range_pictures(spec: ModelSpec) -> list[Image]:
    """Generate the pictures to measure with, (height, width, 3) uint8 RGB each; none for a model without eight bits."""
    if not spec.has_int8:
        return []
    # One of each series: pictures of a series are alike.
    found = (generate_picture(index * SERIES) for index in range(_PICTURES))
    return [resize_image(picture, spec.height, spec.width, "bilinear") for picture in found]


def encoder_tensors(selection: Selection) -> Tensors:
    """The tensors that an encoder file of this encoder has, as they are stored, with ranges if it takes any.

    Raises:
        WeightsError: the weights do not fit the model.
        UsageError: the model could not be built.
    """
    header, path = selection.weights.header, selection.weights.path
    if header is None or path is None:
        return _converted(selection)
    stored = read_stored(path)
    return stored if header.has_ranges else {**stored, **_ranges_in(_converted(selection))}


def with_ranges(selection: Selection, tensors: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Add ranges to the tensors that an encoder file will have, if it takes any. Raises as ``encoder_tensors``.

    Args:
        selection: the encoder that the file will be, as ``Selection.of_tensors`` gives it.
        tensors: as they will be stored.
    """
    if not selection.spec.has_int8:
        return tensors
    with tempfile.TemporaryDirectory(prefix="visop-") as folder:
        draft = Path(folder) / f"draft{SUFFIX}"
        write_encoder_file(
            draft,
            model=selection.spec.name,
            pooling=selection.one_pooling(),
            dimension=selection.spec.dimension,
            tensors=tensors,
            card={},
        )
        of_draft = replace(selection, weights=replace(selection.weights, path=draft))
        return {**tensors, **_ranges_in(_converted(of_draft))}


def _converted(selection: Selection) -> Tensors:
    with tempfile.TemporaryDirectory(prefix="visop-") as folder:
        path = Path(folder) / f"converted{SUFFIX}"
        pictures = range_pictures(selection.spec)
        convert_in_subprocess(selection.spec, selection.weights, selection.one_pooling(), path, pictures)
        return read_stored(path)


def _ranges_in(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(RANGES)}

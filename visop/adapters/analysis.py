"""Classes of the analysis module: ``inference_by_path(path)`` answers boxes with labels, or descriptors.

The two forms (https://github.com/sogang-mm/analysis-module, https://github.com/sogang-mm/retrieval-feature-extractor):

    [[(x, y, w, h), {label: score, ...}], ...]
    [{descriptor: "[[0.01, ...]]"}]
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.adapters.adapted import AdaptedEncoder, AdaptedProcessor
from visop.adapters.private_folder import PrivateFolder
from visop.adapters.recognise import BY_PATH
from visop.adapters.ways import ByPath, tried
from visop.contract import Encoder, Processor
from visop.detection import Detection, Unplaced
from visop.errors import ModelFailed
from visop.vectors import normalise

logger = logging.getLogger(__name__)

_FORM = "expected [(x, y, w, h), {label: score}]"


def of_analysis(cls: type, folder: PrivateFolder) -> Encoder | Processor:
    """An instance as an encoder, if it answers descriptors, else as a processor. Raises as ``adapt.adapted``."""
    way = ByPath(folder, getattr(cls(), BY_PATH))
    answer = tried(way)
    if not _is_descriptors(answer):
        return AdaptedProcessor(cls.__name__, way, detections_of, folder)
    names = _names_of(cls, answer)
    vector_of = partial(side_by_side, names=names)
    return AdaptedEncoder(cls.__name__, way, vector_of, len(vector_of(answer)), folder, names)


def _names_of(cls: type, answer: Any) -> tuple[str, ...]:
    """The descriptors that vectors are made of: all, if they are of one length, else the first."""
    lengths = {name: len(descriptor_of(answer, name)) for name in answer[0]}
    first, *_ = lengths
    if len(set(lengths.values())) == 1:
        return tuple(lengths)
    said = ", ".join(f"{name} ({length})" for name, length in lengths.items())
    logger.warning("%s answers descriptors of several lengths, %s; vectors are those of %s", cls.__name__, said, first)
    return (first,)


def detections_of(answer: Any, image_size: tuple[int, int]) -> list[Detection]:
    """One detection for each label of each box. A box of zeros says nothing of the place.

    Args:
        answer: of ``inference_by_path``.
        image_size: (width, height) of the picture, in pixels.

    Raises:
        ModelFailed: it is in another form.
    """
    if not isinstance(answer, list | tuple):
        raise ModelFailed(f"inference_by_path answered {type(answer).__name__}, expected a list")
    return [found for entry in answer for found in _of_entry(entry, image_size)]


def side_by_side(answer: Any, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Descriptors as one vector, each as a unit vector. Raises as ``descriptor_of``, or ModelFailed for zeros."""
    return np.concatenate([_unit(descriptor_of(answer, name)) for name in names])


def _unit(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    unit = normalise(numbers)
    if isinstance(unit, ModelFailed):
        raise unit
    return unit


def descriptor_of(answer: Any, name: str) -> npt.NDArray[np.float32]:
    """The numbers of a descriptor, which are text or nested lists. Raises ValueError, KeyError or TypeError."""
    value = answer[0][name]
    return np.asarray(json.loads(value) if isinstance(value, str) else value, np.float32).reshape(-1)


def _is_descriptors(answer: Any) -> bool:
    return isinstance(answer, list | tuple) and len(answer) == 1 and isinstance(answer[0], Mapping) and bool(answer[0])


def _of_entry(entry: Any, image_size: tuple[int, int]) -> list[Detection]:
    try:
        box, labels = entry
        x, y, w, h = map(float, box)
    except (TypeError, ValueError):
        raise ModelFailed(f"inference_by_path answered {entry!r:.200}, {_FORM}") from None
    if not isinstance(labels, Mapping):
        raise ModelFailed(f"inference_by_path answered {labels!r:.200} as labels, {_FORM}")
    width, height = image_size
    place = partial(Detection, (x, y, w, h)) if any((x, y, w, h)) else partial(Unplaced, (0.0, 0.0, width, height))
    return [place(str(label), _score(score)) for label, score in labels.items()] or [place()]


def _score(score: Any) -> float:
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ModelFailed(f"inference_by_path answered the score {score!r:.200}, expected a number") from None

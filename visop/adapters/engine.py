"""Classes of the original engine: ``execute``, ``bulk_execute``, ``run`` and properties that are strings.

Its templates read files (``execute(path)``), its gallery (https://github.com/zilliztech/phantoscope) takes arrays of
OpenCV, and all have a ``run(images, urls)``, some beside the class. Encoders answer vectors, processors what they cut
out, as JPEGs in base64, or labels.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from visop.adapters.adapted import AdaptedEncoder, AdaptedProcessor
from visop.adapters.cut_outs import cut_outs, kept, labelled
from visop.adapters.private_folder import PrivateFolder
from visop.adapters.recognise import BULK_EXECUTE, EXECUTE, RUN, module_run
from visop.adapters.ways import TRIAL, ByArray, ByPath, ByRun, Way, takes_several
from visop.contract import Encoder, Processor
from visop.errors import ModelFailed
from visop.images.decode import ImageLimits

# Where its classes keep files that they never remove, in their own module or in one beside it.
_TEMPORARY = "LOCAL_TMP_PATH"
_TAGS = "tags"


def of_engine(cls: type, folder: PrivateFolder, limits: ImageLimits) -> Encoder | Processor:
    """An instance as what its ``type`` says, called in the first way that it answers to.

    Raises:
        ModelFailed, Exception: as ``adapt.adapted``.
    """
    _lead_files_into(folder, cls)
    original: Any = cls()
    errors = []
    for told, way in _ways(original, folder):
        made = _made(original, way, folder, limits)
        try:
            made.execute(TRIAL)
        except ModelFailed as error:
            errors.append(f"{told}: {error.detail}")
        else:
            return made
    raise ModelFailed("; ".join(errors) or "it has none of execute, bulk_execute and run")


def _made(original: Any, way: Way, folder: PrivateFolder, limits: ImageLimits) -> Encoder | Processor:
    kind, name = getattr(original, "type", None), str(getattr(original, "name", type(original).__name__))
    if kind == "encoder":
        encoder = AdaptedEncoder(name, way, lambda answer: answer, _dimension(original), folder)
        encoder.metric_type = str(getattr(original, "metric_type", encoder.metric_type))
        return encoder
    if kind == "processor":
        output = str(getattr(original, "output", "images"))
        detections = labelled if output == _TAGS else partial(cut_outs, limits=limits)
        processor = AdaptedProcessor(name, way, detections, folder)
        processor.output = output
        return processor
    raise ModelFailed(f"type is {kind!r}, it must be 'encoder' or 'processor'")


def _dimension(original: Any) -> int:
    try:
        return int(original.dimension)
    except (AttributeError, TypeError, ValueError):
        raise ModelFailed("dimension is no whole number") from None


def _ways(original: Any, folder: PrivateFolder) -> Iterator[tuple[str, Way]]:
    """Every way in which it may be called, with how that is told."""
    one, several, run = (getattr(original, name, None) for name in (EXECUTE, BULK_EXECUTE, RUN))
    if several and not one:
        one = partial(_by_several, several)
    if one:
        yield "execute(path)", _by_path(folder, one, several)
        yield "execute(array)", ByArray(folder, one, kept)
    if run:
        yield "run(images, urls)", ByRun(folder, run, kept)
    if beside := module_run(type(original)):
        yield "run(operator, images, urls)", ByRun(folder, partial(beside, original), kept)


def _by_path(folder: PrivateFolder, execute: Callable[[str], Any], several: Callable[[list[str]], Any] | None) -> Way:
    way = ByPath(folder, execute, several, kept)
    return way if several and takes_several(way) else ByPath(folder, execute, keep=kept)


def _by_several(several: Callable[[list[Any]], Any], item: Any) -> Any:
    [answer] = several([item])
    return answer


def _lead_files_into(folder: PrivateFolder, cls: type) -> None:
    """Have a class write its own files where they are removed."""
    path = os.path.join(folder.path, "")  # the classes append names to it
    module = vars(sys.modules[cls.__module__])
    for namespace in [module, *(getattr(each, "__globals__", {}) for each in list(module.values()))]:
        if isinstance(namespace.get(_TEMPORARY), str | Path):
            namespace[_TEMPORARY] = path

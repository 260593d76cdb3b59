"""The processors by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visop.contract import Processor
from visop.errors import SettingsError
from visop.processors.regions import Regions
from visop.settings import Settings

_NAME = re.compile(r"(?P<name>[a-z][a-z0-9]*)(:(?P<count>\d{1,6})|:(?P<file>.+\.(?i:onnx)))?")


@dataclass(frozen=True)
class _Choice:
    """What of a processor is chosen: a number, or weights, and the setting that says which."""

    count: str | None
    weights: str
    setting: str


def built_in_processor(text: str, settings: Settings, weights: str = "auto") -> Processor | None:
    """A processor that is built in, not loaded yet; None if none has that name.

    Args:
        text: such as ``regions:10`` or ``faces:yunet.onnx``.
        settings: of the operator.
        weights: those of ``OP_WEIGHTS`` if they are the processor's. Of a pipeline, they are the encoder's.

    Raises:
        SettingsError: it has the name of one, and takes another number, or other weights.
    """
    match = _NAME.fullmatch(text)
    if match is None or match["name"] not in _PROCESSORS:
        return None
    file = match["file"]
    choice = _Choice(match["count"], file or weights, "processor" if file else "weights")
    return _PROCESSORS[match["name"]](choice, settings)


def processor_names() -> list[str]:
    """How they are called in settings."""
    return ["faces", "faces:FILE.onnx", "regions:N"]


def _regions(choice: _Choice, _settings: Settings) -> Processor:
    return Regions(int(choice.count)) if choice.count else Regions()


def _faces(choice: _Choice, settings: Settings) -> Processor:
    if choice.count is not None:
        raise SettingsError("processor", f"faces:{choice.count}", "faces takes no number")
    if choice.weights == "auto":
        from visop.processors.faces import Faces

        return Faces(settings)
    file = Path(choice.weights).expanduser()
    if file.suffix.lower() != ".onnx":
        raise SettingsError("weights", choice.weights, "faces takes auto, which is MTCNN, or an ONNX file like YuNet")
    from visop.processors.yunet import OnnxFaces

    return OnnxFaces(file, settings, choice.setting)


_PROCESSORS: dict[str, Callable[[_Choice, Settings], Processor]] = {"faces": _faces, "regions": _regions}

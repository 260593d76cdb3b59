"""The processors by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from visop.contract import Processor
from visop.errors import SettingsError, UsageError
from visop.models.registry import MODELS
from visop.processors.regions import SCHEMES, Form, Regions
from visop.processors.ssd import small
from visop.processors.ssd.variants import VARIANTS
from visop.settings import Settings

_DETECTOR_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".index", ".zip")
_FILES = "|".join(each[1:] for each in (".onnx", *_DETECTOR_SUFFIXES))
_NAME = re.compile(
    rf"(?P<name>[a-z][a-z0-9]*(-[a-z]+)?)(:(?P<count>\d{{1,6}})(:(?P<form>cut|pooled))?|:(?P<file>.+\.(?i:{_FILES})))?"
)


@dataclass(frozen=True)
class _Choice:
    """What of a processor is chosen: a number and a form, or weights, and the setting that says which."""

    count: str | None
    weights: str
    setting: str
    form: Form = "cut"


def built_in_processor(
    text: str, settings: Settings, weights: str = "auto", setting: str = "processor"
) -> Processor | None:
    """A processor that is built in, not loaded yet; None if none has that name.

    Args:
        text: such as ``regions:10``, ``faces:yunet.onnx``, the path of a detector file, or ``auto``, which is what
            the weights are of.
        settings: of the operator.
        weights: those of ``OP_WEIGHTS`` if they are the processor's. Of a pipeline, they are the encoder's.
        setting: that ``text`` is the value of, for errors.

    Raises:
        SettingsError: it has the name of one, and takes another number, or other weights.
    """
    match = _NAME.fullmatch(text)
    is_named = match is not None and match["name"] in _PROCESSORS
    choice = _Choice(None, weights, "weights") if text == "auto" else _Choice(None, text, setting)
    if match is not None and is_named:
        form: Form = "pooled" if match["form"] == "pooled" else "cut"
        choice = _Choice(match["count"], match["file"] or weights, setting if match["file"] else "weights", form)
    try:
        return _PROCESSORS[match["name"]](choice, settings) if match and is_named else _of_weights(choice, settings)
    except UsageError as error:
        if error.field == "processor" or (error.field and choice.setting == setting):
            raise SettingsError(setting, text, error.why) from error
        raise


def names_encoder(text: str) -> bool:
    """Whether that is the name of an encoder that is built in."""
    return text in MODELS


def processor_names() -> list[str]:
    """How they are called in settings."""
    return list(processor_facts())


def built_in_names() -> set[str]:
    """The names of those that need no file, as they say them of themselves and as settings call them."""
    regions = {f"regions:{count}" for count in SCHEMES}
    return {"faces", *regions, *(f"{name}:pooled" for name in regions), *VARIANTS}


def processor_facts() -> dict[str, dict[str, str]]:
    """What each finds, what its weights are, and their licence, by name in settings."""
    facts = {
        "faces": {"finds": "faces with five points", "weights": "MTCNN of the package mtcnn", "licence": "MIT"},
        "faces:FILE.onnx": {"finds": "faces with five points", "weights": "yours, like YuNet", "licence": "-"},
        "regions:N": {"finds": "a grid of N windows", "weights": "none", "licence": "-"},
        "regions:N:pooled": {"finds": "the same, in one pass", "weights": "of the encoder behind it", "licence": "-"},
    }
    for each in VARIANTS.values():
        kinds = sum(map(bool, each.labels))
        facts[each.name] = {"finds": f"{kinds} kinds of objects", "weights": each.file, "licence": each.licence}
        facts[f"{each.name}:FILE"] = {"finds": f"{kinds} kinds of objects", "weights": "yours", "licence": "-"}
    trained = {"finds": "what it was trained on", "weights": "yours, of visop train", "licence": "-"}
    return facts | {f"{small.NAME}:FILE.safetensors": trained, "FILE.safetensors": trained}


def _regions(choice: _Choice, _settings: Settings) -> Processor:
    return Regions(int(choice.count), choice.form) if choice.count else Regions()


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


def _ssd(name: str, choice: _Choice, settings: Settings) -> Processor:
    if choice.count is not None:
        raise SettingsError("processor", f"{name}:{choice.count}", f"{name} takes no number")
    from visop.processors.ssd.processor import Ssd

    return Ssd(name, choice.weights, settings)


def _of_weights(choice: _Choice, settings: Settings) -> Processor | None:
    """The detector that a file is of; None if it is of none."""
    if Path(choice.weights).suffix not in _DETECTOR_SUFFIXES:
        return None  # before anything is imported that own operators do without
    from visop.processors.ssd.weights import is_of_detector

    return _ssd("auto", choice, settings) if is_of_detector("auto", choice.weights) else None


_PROCESSORS: dict[str, Callable[[_Choice, Settings], Processor]] = {
    "faces": _faces,
    "regions": _regions,
    **{name: partial(_ssd, name) for name in [small.NAME, *VARIANTS]},
}

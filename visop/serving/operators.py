"""The operator that the settings mean: a class of the user's, or what is built in; a processor before it, or none."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from contextlib import suppress
from typing import Any, SupportsIndex

from visop import address
from visop.contract import Encoder, Processor
from visop.errors import ModelFailed, SettingsError, UsageError, VisopError
from visop.processors.pooled_regions import regions_before
from visop.processors.regions import Regions
from visop.processors.registry import built_in_processor, processor_names
from visop.serving.named_class import BUILT_IN, constructed, spoken
from visop.serving.part_encoder import AnyOperator, PartChoice, PartEncoder
from visop.serving.remote.encoder import RemoteEncoder
from visop.serving.remote.processor import RemoteProcessor
from visop.settings import Settings

logger = logging.getLogger(__name__)

_CLASS = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")

_TEMPLATE, _CUSTOM = "custom_operator.py", "custom_operator:CustomOperator"


def load_operator(settings: Settings) -> AnyOperator:
    """An instance of ``OP_OPERATOR``, not loaded yet, behind that of ``OP_PROCESSOR`` if there is one.

    A class whose constructor takes an argument gets the settings. A class of another system, which loads its model
    when it is constructed, is made an operator by ``visop.adapters``.

    Raises:
        UsageError: there is no such module or class, it is no complete operator, or a package that it needs is
            missing.
    """
    operator = _encoder_elsewhere(settings) if settings.encoder else _operator(settings)
    if not settings.processor:
        return operator
    if not isinstance(operator, Encoder):
        why = f"{operator.name} is a processor, too; what comes after a processor must be an encoder"
        raise SettingsError("processor", settings.processor, why)
    choice = PartChoice(settings.max_parts_per_picture, settings.whole, settings.crop_margin)
    processor = load_processor(settings)
    if isinstance(processor, Regions):
        processor = regions_before(processor, operator, choice.margin)
    return PartEncoder(processor, operator, choice)


def is_built_in(settings: Settings) -> bool:
    """Whether the operator is not a class of the user's, so that the model decides which it is."""
    return _chosen(settings.operator) == BUILT_IN


def load_encoder(settings: Settings) -> Encoder:
    """As ``load_operator``, where one vector of each whole picture is needed. Raises as ``load_operator``."""
    return check_encoder(load_operator(settings))


def check_encoder(operator: AnyOperator) -> Encoder:
    """The operator itself.

    Raises:
        UsageError: it does not give one vector for each picture.
    """
    if isinstance(operator, Encoder):
        return operator
    what = "a processor, which finds parts of pictures" if isinstance(operator, Processor) else "a pipeline"
    raise UsageError("", operator.name, f"is {what}; here an encoder is needed, with one vector for each picture")


def check_encodes_pictures(operator: AnyOperator) -> None:
    """Raise UsageError for an operator that has no vector of each whole picture; it may have some of parts besides."""
    if not isinstance(operator, PartEncoder):
        check_encoder(operator)
    elif not operator.choice.whole:
        why = "encodes the parts of pictures alone; here the whole picture is needed, too: set OP_WHOLE=true"
        raise UsageError("", operator.name, why)


def _operator(settings: Settings) -> Encoder | Processor:
    if settings.operator in ("auto", BUILT_IN):
        found = built_in_processor(settings.model, settings, settings.weights, "model")
        if isinstance(found, Regions) and found.form == "pooled":
            raise SettingsError("model", settings.model, "is for OP_PROCESSOR: an encoder behind it pools the regions")
        if found is not None:
            return found
    try:
        return constructed("operator", _chosen(settings.operator), settings)
    except SettingsError as error:
        if error.field != "model":
            raise
        why = f"{error.why}; or of the processors {', '.join(processor_names())}"
        raise SettingsError("model", error.value, why) from None


def _encoder_elsewhere(settings: Settings) -> Encoder:
    if settings.operator not in ("auto", BUILT_IN):
        raise SettingsError("encoder", settings.encoder, f"contradicts the class {settings.operator}; leave out one")
    return RemoteEncoder(settings.encoder, settings)


def load_processor(settings: Settings) -> Processor:
    """An instance of ``OP_PROCESSOR``, not loaded yet. Raises SettingsError, and as ``load_operator``."""
    found: Encoder | Processor | None = built_in_processor(settings.processor, settings)
    if found is None and _CLASS.fullmatch(settings.processor):
        found = constructed("processor", settings.processor, settings)
    elif found is None:
        found = _processor_elsewhere(settings)
    if not isinstance(found, Processor):
        why = "is an encoder, which finds no parts: must be a subclass of visop.Processor"
        raise SettingsError("processor", settings.processor, why)
    return found


def _processor_elsewhere(settings: Settings) -> Processor:
    with suppress(ValueError):
        host, port = address.split(settings.processor)
        if host and port:
            return RemoteProcessor(settings.processor, settings)
    why = f"must be {', '.join(processor_names())}, module:Class or HOST:PORT"
    raise SettingsError("processor", settings.processor, why)


def load_model(operator: AnyOperator) -> None:
    """Call ``load``, of both operators of a pipeline, and check the numbers that the class says.

    Raises:
        ModelFailed: the operator's own code raised; ``detail`` names the class, the exception and the line. Or a number
            is none; ``detail`` names the class, the number and what it must be.
        VisopError: what ``load`` itself raised of these.
    """
    if isinstance(operator, PartEncoder):
        load_model(operator.processor)
        load_model(operator.encoder)
        return
    cls = type(operator)
    try:
        operator.load()
    except VisopError:
        raise
    except Exception as error:
        logger.debug("load() failed", exc_info=True)
        where = _last_line(error, getattr(sys.modules.get(cls.__module__), "__file__", None))
        detail = f"{cls.__module__}:{cls.__qualname__}: load() raised {spoken(error)} ({where})"
        raise ModelFailed(detail) from error
    numbers: dict[str, Any] = {"max_batch": operator.max_batch}
    numbers |= {"dimension": _number(operator.dimension)} if isinstance(operator, Encoder) else {}
    for name, value in numbers.items():
        if not (isinstance(value, SupportsIndex) and value.__index__() >= 1):
            detail = f"{cls.__module__}:{cls.__qualname__}: {name} is {value!r}, it must be a whole number from 1"
            raise ModelFailed(detail)


def _number(dimension: Any) -> Any:
    """What a dimension means. Operators of the original engines have it as text."""
    return int(dimension) if isinstance(dimension, str) and dimension.isdecimal() else dimension


def _last_line(error: Exception, file: str | None) -> str:
    """The innermost line of this file that an error passed through; else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or frames
    return f"{os.path.basename(own[-1].filename)}, line {own[-1].lineno}"


def _chosen(operator: str) -> str:
    """What ``auto`` means in the working folder."""
    if operator != "auto":
        return operator
    return _CUSTOM if os.path.isfile(_TEMPLATE) else BUILT_IN

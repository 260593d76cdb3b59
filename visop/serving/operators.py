"""The operator that the settings mean: a class of the user's, or the encoder that is built in."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, SupportsIndex

from visop.contract import Encoder
from visop.errors import ModelFailed, SettingsError, UsageError, VisopError
from visop.settings import Settings

logger = logging.getLogger(__name__)

#: As ``OP_OPERATOR``: the encoder that the other settings choose, whatever the working folder has.
BUILT_IN = "visop.models.built_in_encoder:BuiltInEncoder"

_TEMPLATE, _CUSTOM = "custom_operator.py", "custom_operator:CustomOperator"


def load_operator(settings: Settings) -> Encoder:
    """An instance of the class that ``OP_OPERATOR`` names, not loaded yet.

    A class whose constructor takes an argument gets the settings.

    Raises:
        UsageError: there is no such module or class, it is no complete Encoder, or a package that it needs is
            missing.
    """
    path = _chosen(settings.operator)
    construct = _class_of(path)
    try:
        return construct(settings) if inspect.signature(construct).parameters else construct()
    except VisopError:
        raise
    except Exception as error:
        raise _broken(path, "it cannot be constructed", error) from error


def load_model(operator: Encoder) -> None:
    """Call ``load``, and check the numbers that the class says.

    Raises:
        ModelFailed: the operator's own code raised; ``detail`` names the class, the exception and the line. Or a number
            is none; ``detail`` names the class, the number and what it must be.
        VisopError: what ``load`` itself raised of these.
    """
    cls = type(operator)
    try:
        operator.load()
    except VisopError:
        raise
    except Exception as error:
        logger.debug("load() failed", exc_info=True)
        where = _last_line(error, getattr(sys.modules.get(cls.__module__), "__file__", None))
        detail = f"{cls.__module__}:{cls.__qualname__}: load() raised {_spoken(error)} ({where})"
        raise ModelFailed(detail) from error
    for name, value in (("dimension", _number(operator.dimension)), ("max_batch", operator.max_batch)):
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


def _spoken(error: Exception) -> str:
    """On one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _broken(path: str, what: str, error: Exception) -> SettingsError:
    logger.debug("%s", what, exc_info=error)
    return SettingsError("operator", path, f"{what}: {_spoken(error)}")


def _chosen(operator: str) -> str:
    """What ``auto`` means in the working folder."""
    if operator != "auto":
        return operator
    return _CUSTOM if os.path.isfile(_TEMPLATE) else BUILT_IN


def _class_of(path: str) -> Callable[..., Encoder]:
    module_name, _, class_name = path.partition(":")
    sys.path[:0] = [] if os.getcwd() in sys.path else [os.getcwd()]  # the console script does not start there
    cls = getattr(_module(path, module_name), class_name, None)
    if cls is None:
        raise _absent(path)
    if not (inspect.isclass(cls) and issubclass(cls, Encoder)):
        raise SettingsError("operator", path, "must be a subclass of visop.Encoder")
    if cls.__abstractmethods__:
        raise SettingsError("operator", path, f"it does not define {', '.join(sorted(cls.__abstractmethods__))}")
    return cls


def _module(path: str, name: str) -> ModuleType:
    if not name:
        raise _absent(path)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _refusal(path, name, error) from error
    except Exception as error:
        raise _broken(path, "it cannot be imported", error) from error


def _absent(path: str) -> SettingsError:
    return SettingsError("operator", path, "there is no such module:Class")


def _refusal(path: str, module_name: str, error: ModuleNotFoundError) -> UsageError:
    if error.name == module_name:
        return _absent(path)
    if path == BUILT_IN:
        advice = "is not installed; for the built-in encoder: pip install 'visop[cpu]'"
        return UsageError("", "", f"{error.name} {advice}")
    return SettingsError("operator", path, f"it imports {error.name}, which is not installed")

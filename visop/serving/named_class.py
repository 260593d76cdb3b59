"""Construct the class that a setting names as ``module:Class``: an operator, or what an adapter makes one."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from visop.adapters.recognise import is_of_another_system
from visop.contract import Encoder, Processor
from visop.errors import ModelFailed, SettingsError, UsageError, VisopError
from visop.images.decode import ImageLimits
from visop.settings import Settings

logger = logging.getLogger(__name__)

#: As ``OP_OPERATOR``: the encoder that the other settings choose, whatever the working folder has.
BUILT_IN = "visop.models.built_in_encoder:BuiltInEncoder"


def constructed(setting: str, path: str, settings: Settings) -> Encoder | Processor:
    """An instance. A class whose constructor takes an argument gets the settings.

    Args:
        setting: that names it, for errors.
        path: ``module:Class``. The working folder is looked in first.
        settings: of the server.

    Raises:
        UsageError: there is no such class, it is no complete operator, it cannot be constructed, or a package that it
            needs is missing.
    """
    named = _named(setting, path)
    try:
        if is_of_another_system(named):
            return _adapted(named, settings)
        construct = _operator_class(setting, path, named)
        return construct(settings) if inspect.signature(construct).parameters else construct()
    except ModelFailed as error:
        raise SettingsError(setting, path, error.detail) from error
    except VisopError:
        raise
    except Exception as error:
        raise _broken(setting, path, "it cannot be constructed", error) from error


def _adapted(cls: type, settings: Settings) -> Encoder | Processor:
    from visop.adapters.adapt import adapted  # only who needs it: it locks files as Windows cannot

    return adapted(cls, ImageLimits.of(settings))


def spoken(error: Exception) -> str:
    """An error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _broken(setting: str, path: str, what: str, error: Exception) -> SettingsError:
    logger.debug("%s", what, exc_info=error)
    return SettingsError(setting, path, f"{what}: {spoken(error)}")


def _named(setting: str, path: str) -> Any:
    """What ``module:Class`` names."""
    module_name, _, class_name = path.partition(":")
    sys.path[:0] = [] if os.getcwd() in sys.path else [os.getcwd()]  # the console script does not start there
    named = getattr(_module(setting, path, module_name), class_name, None)
    if named is None:
        raise _absent(setting, path)
    return named


def _operator_class(setting: str, path: str, cls: Any) -> Callable[..., Encoder | Processor]:
    """The class itself, if it is complete."""
    if not (inspect.isclass(cls) and issubclass(cls, Encoder | Processor)):
        why = "must be a subclass of visop.Encoder or visop.Processor, or a class with inference_by_path or execute"
        raise SettingsError(setting, path, why)
    if cls.__abstractmethods__:
        raise SettingsError(setting, path, f"it does not define {', '.join(sorted(cls.__abstractmethods__))}")
    return cls


def _module(setting: str, path: str, name: str) -> ModuleType:
    if not name:
        raise _absent(setting, path)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _refusal(setting, path, name, error) from error
    except Exception as error:
        raise _broken(setting, path, "it cannot be imported", error) from error


def _absent(setting: str, path: str) -> SettingsError:
    return SettingsError(setting, path, "there is no such module:Class")


def _refusal(setting: str, path: str, module_name: str, error: ModuleNotFoundError) -> UsageError:
    if error.name == module_name:
        return _absent(setting, path)
    if path == BUILT_IN:
        advice = "is not installed; for the built-in encoder: pip install 'visop[cpu]'"
        return UsageError("", "", f"{error.name} {advice}")
    return SettingsError(setting, path, f"it imports {error.name}, which is not installed")

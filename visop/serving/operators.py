"""The operator that the settings mean: a class of the user's, or the encoder that is built in."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable

from visop.contract import Encoder
from visop.errors import SettingsError, UsageError
from visop.settings import Settings

#: As ``OP_OPERATOR``: the encoder that the other settings choose, whatever the working folder has.
BUILT_IN = "visop.models.built_in_encoder:BuiltInEncoder"

_TEMPLATE, _CUSTOM = "custom_operator.py", "custom_operator:CustomOperator"


def load_operator(settings: Settings) -> Encoder:
    """An instance of the class that ``OP_OPERATOR`` names, not loaded yet.

    A class whose constructor takes an argument gets the settings.

    Raises:
        UsageError: there is no such module or class, it is not an Encoder, or a package that it needs is missing.
    """
    construct = _class_of(_chosen(settings.operator))
    return construct(settings) if inspect.signature(construct).parameters else construct()


def _chosen(operator: str) -> str:
    """What ``auto`` means in the working folder."""
    if operator != "auto":
        return operator
    return _CUSTOM if os.path.isfile(_TEMPLATE) else BUILT_IN


def _class_of(path: str) -> Callable[..., Encoder]:
    module_name, _, class_name = path.partition(":")
    sys.path[:0] = [] if os.getcwd() in sys.path else [os.getcwd()]  # the console script does not start there
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise _refusal(path, module_name, error) from error
    if not (inspect.isclass(cls) and issubclass(cls, Encoder)):
        raise SettingsError("operator", path, "must be a subclass of visop.Encoder")
    return cls


def _refusal(path: str, module_name: str, error: Exception) -> UsageError:
    if not isinstance(error, ModuleNotFoundError) or error.name == module_name:
        return SettingsError("operator", path, "there is no such module:Class")
    if path == BUILT_IN:
        advice = "is not installed; for the built-in encoder: pip install 'visop[cpu]'"
        return UsageError("", "", f"{error.name} {advice}")
    return SettingsError("operator", path, f"it imports {error.name}, which is not installed")

"""Settings as flags: ``--max-batch 16`` is ``OP_MAX_BATCH=16``, and wins over it."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from visop.cli.flags import CommandParser
from visop.settings import Effective, Settings, env_name, load_settings, setting_types

#: The settings that decide, beside the class of the operator, which encoder is loaded in this process.
ENCODER_SETTINGS = ("model", "weights", "pooling", "resize", "device", "precision", "threads", "data_dir", "cache_dir")

# Where the sections of Settings begin, for the help.
_SECTIONS = {
    "operator": "what is served",
    "endpoint": "where it is reached",
    "max_batch": "how much at once",
    "request_timeout_s": "how long",
    "max_message_bytes": "what is accepted",
    "log_level": "what is logged",
}
# Sections that the help shows, and what is in the others.
_COMMON = ("operator", "endpoint")
_MORE = "batches, times, limits, logs"
# How values look whose type does not tell.
_FORMS = {
    "operator": "module:Class",
    "processor": "NAME|module:Class|HOST:PORT",
    "encoder": "HOST:PORT",
    "endpoint": "HOST:PORT",
    "bind": "HOST[:PORT]",
    "http_endpoint": "HOST:PORT",
    "metrics_endpoint": "HOST:PORT",
}


def flag_name(name: str) -> str:
    """``max_batch`` -> ``--max-batch``. A class is ``--class``: ``--operator`` is a running operator."""
    return "--class" if name == "operator" else f"--{name.replace('_', '-')}"


def add_settings(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    """Add a flag for every one of these settings."""
    for name in names:
        parser.add_argument(flag_name(name), **setting_flag(name))


def add_all_settings(parser: CommandParser) -> None:
    """A flag for every setting, in sections. The help shows the first two, and ``--help-engine`` the others."""
    section: argparse._ActionsContainer = parser
    for spec in dataclasses.fields(Settings):
        if title := _SECTIONS.get(spec.name):
            common = spec.name in _COMMON
            section = parser.add_argument_group(title) if common else parser.add_engine_group(title, _MORE)
        add_settings(section, [spec.name])


def setting_flag(name: str) -> dict[str, Any]:
    """What argparse needs to know of a setting. The flag takes any text: ``load_settings`` reads and checks it."""
    spec = Settings.__dataclass_fields__[name]
    text = f"{spec.metadata['help']} [{env_name(name)}; default: {spoken(spec.default) or 'empty'}]"
    metavar = _FORMS.get(name) or _metavar(setting_types()[name])
    return {"dest": f"setting_{name}", "metavar": metavar, "help": text.replace("%", "%%")}


def _metavar(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "A,B,..."
    return {bool: "on|off", int: "N", float: "N", Path: "PATH"}.get(kind, "TEXT")


def spoken(value: Any) -> str:
    """A setting as it would be typed."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, tuple | list) else str(value)


def given_settings(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings that were given as flags, by name."""
    texts = {name: getattr(arguments, f"setting_{name}", None) for name in Settings.__dataclass_fields__}
    return {name: text for name, text in texts.items() if text is not None}


def read_settings(arguments: argparse.Namespace) -> Effective:
    """The settings, with those that were given as flags.

    Raises:
        SettingsError: one is wrong.
    """
    return load_settings(os.environ, given_settings(arguments))

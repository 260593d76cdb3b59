"""What the commands have in common when they are typed: a parser, settings as flags, numbers."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from visop.errors import UsageError
from visop.settings import Effective, Settings, env_name, flag_name, load_settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Number = TypeVar("Number", int, float)

#: The settings that decide, beside the class of the operator, which encoder is loaded in this process.
ENCODER_SETTINGS = ("model", "weights", "pooling", "resize", "device", "precision", "threads", "data_dir", "cache_dir")

# Where the sections of Settings begin, for the help.
_SECTIONS = {
    "operator": "what is served",
    "endpoint": "where it is reached",
    "max_batch": "how much at once",
    "request_timeout_s": "how long",
    "max_message_bytes": "what is accepted",
    "log_level": "what is told",
}


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, notes: str = ""
) -> argparse.ArgumentParser:
    """Add a command, with what it does in one sentence, and notes and examples below its flags."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_settings(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    """Add a flag for every one of these settings."""
    for name in names:
        parser.add_argument(flag_name(name), **setting_flag(name))


def add_all_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for every setting, in sections."""
    section: argparse._ActionsContainer = parser
    for spec in dataclasses.fields(Settings):
        if spec.name in _SECTIONS:
            section = parser.add_argument_group(_SECTIONS[spec.name])
        add_settings(section, [spec.name])


def setting_flag(name: str) -> dict[str, Any]:
    """What argparse is told of a setting. Its flag takes any text: ``load_settings`` is who reads and judges it."""
    spec = Settings.__dataclass_fields__[name]
    text = f"{spec.metadata['help']} [{env_name(name)}; default: {spoken(spec.default) or 'empty'}]"
    metavar = _metavar(get_type_hints(Settings)[name])
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
    return ",".join(value) if isinstance(value, tuple) else str(value)


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


def number(kind: Callable[[str], Number], holds: Callable[[Number], bool], rule: str) -> Callable[[str], Number]:
    """For argparse: reads a number, and refuses one that breaks the rule."""

    def read(text: str) -> Number:
        with suppress(ValueError):
            if holds(value := kind(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text}: must be {rule}")

    return read


def whole(least: int) -> Callable[[str], int]:
    """For argparse: reads a whole number that is not below the least."""
    return number(int, lambda value: value >= least, f"a whole number from {least}")


def add_calibration(parser: argparse.ArgumentParser) -> None:
    """Add what decides from which similarity on a picture is called a copy."""
    share = number(float, lambda value: 0 < value < 1, "between 0 and 1, such as 1e-3")
    rate = "false-positive rate of the verdict `copy` (default 1e-3)"
    parser.add_argument("--fpr", type=share, default=1e-3, metavar="RATE", help=rate)
    file = "calibration.json of `visop evaluate` (default: the encoder's)"
    parser.add_argument("--calibration", type=Path, metavar="FILE", help=file)


def explain(error: UsageError, arguments: argparse.Namespace) -> str:
    """What is wrong, with the flag that was given for the argument or the setting that the error names."""
    for action in arguments.parser._actions:
        is_setting = action.dest == f"setting_{error.field}" and getattr(arguments, action.dest) is not None
        if is_setting or action.dest == error.field:
            return error.told(max(action.option_strings, key=len, default=""))
    return str(error)

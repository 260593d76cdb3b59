"""What the commands of ``visop`` share: a parser, settings as flags, numbers, words on stderr, how a run ends."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from visop.errors import OperatorError, SettingsError, TrainingFailed
from visop.settings import Effective, Settings, env_name, flag_name, load_settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Number = TypeVar("Number", int, float)

# Exit statuses beside 0. The last one is what shells give to a program that Ctrl-C ended.
FAILED, WRONG_USAGE, UNFINISHED, INTERRUPTED = 1, 2, 3, 130

#: What ``resumable`` says where nothing is special.
KEPT = "What is done is kept; the same command goes on from there."

#: What of the settings decides, beside the class of the operator, which encoder is loaded in this process.
ENCODER_SETTINGS = ("model", "weights", "pooling", "resize", "device", "precision", "threads", "data_dir", "cache_dir")


# --- flags ---


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
    parser.set_defaults(run=run)
    return parser


def add_settings(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    """Add a flag for every one of these settings."""
    for name in names:
        parser.add_argument(flag_name(name), **setting_flag(name))


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


# --- running ---


@contextmanager
def imports(advice: str) -> Iterator[None]:
    """Around imports whose packages may not be installed: a client's installation has few of them.

    Args:
        advice: what to do, such as ``to serve: pip install 'visop[cpu]'``.

    Raises:
        SettingsError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error.name} is not installed; {advice}") from None


def resumable(work: Callable[[], int], kept: str = KEPT) -> int:
    """Do what goes on where it stopped when its command is given again, and say so if it stops.

    Returns:
        The exit status: that of the work, or of what stopped it.

    Raises:
        SettingsError, TrainingFailed: the same command again would lead nowhere.
    """
    try:
        return work()
    except KeyboardInterrupt:
        return complain(f"interrupted. {kept}", INTERRUPTED)
    except (SettingsError, TrainingFailed):
        raise
    except (OperatorError, OSError) as error:
        return complain(f"not finished: {reason(error)}. {kept}", UNFINISHED)


def reason(error: OperatorError | OSError) -> str:
    """What happened, for the person at the terminal: also what a remote client must not see."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(getattr(error, "detail", error))


def complain(text: object, status: int) -> int:
    """Say what is wrong; the exit status."""
    note(text)
    return status


def note(text: object) -> None:
    """Say something on stderr, which leaves stdout to the results."""
    sys.stderr.write(f"visop: {text}\n")


def tell_retries() -> None:
    """So that a run that waits for its operator to come back does not look like one that hangs."""
    logging.basicConfig(format="visop: %(message)s")
    logging.getLogger("visop.client").setLevel(logging.INFO)


def printable(name: str) -> str:
    """A name that somebody gave a file, with no control character that could reach the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)

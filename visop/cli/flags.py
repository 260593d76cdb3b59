"""What the parsers of the commands have in common: how a command is added, numbers, errors in terms of flags."""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from visop.errors import SettingsError, UsageError

# A setting by its variable.
_SETTING = re.compile(r"\bOP_([A-Z_]+)\b")

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"
Number = TypeVar("Number", int, float)


class Formatter(argparse.HelpFormatter):
    """Fills the paragraphs of a description and of notes, and leaves lists and examples, which are indented, alone."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = text.strip("\n").split("\n\n")
        return "\n\n".join(each if "\n  " in each else "\n".join(_lines(each, width)) for each in blocks) + "\n"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _lines(text, width)


def _lines(text: str, width: int) -> list[str]:
    """A paragraph in lines that never end inside a flag."""
    return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


class CommandParser(argparse.ArgumentParser):
    """The parser of one command.

    Its help shows the command's own arguments and examples. The settings of the engine, the same thirty lines for many
    commands, are shown by ``--help-engine``.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._engine: list[argparse._ArgumentGroup] = []

    def add_engine_group(self, title: str, such_as: str) -> argparse._ArgumentGroup:
        """Add a section that only ``--help-engine`` shows, and at the first one that flag."""
        if not self._engine:
            told = f"show more flags, and exit: {such_as}"
            self.add_argument("--help-engine", action=_HelpEngine, help=told)
        self._engine.append(self.add_argument_group(title))
        return self._engine[-1]

    def format_usage(self) -> str:
        """The usage, without the flags that ``--help-engine`` shows."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._own_actions(), self._mutually_exclusive_groups)
        return formatter.format_help()

    def format_help(self) -> str:
        """The help, without the flags that ``--help-engine`` shows."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._own_actions(), self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for group in self._action_groups:
            if group not in self._engine:
                _add_section(formatter, group)
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def format_engine_help(self) -> str:
        """The flags that ``format_help`` leaves out."""
        formatter = self._get_formatter()
        for group in self._engine:
            _add_section(formatter, group)
        return formatter.format_help()

    def _own_actions(self) -> list[argparse.Action]:
        hidden = [action for group in self._engine for action in group._group_actions]
        return [action for action in self._actions if action not in hidden]


class _HelpEngine(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, **rest)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        if isinstance(parser, CommandParser):
            parser._print_message(parser.format_engine_help(), sys.stdout)
        parser.exit()


def _add_section(formatter: argparse.HelpFormatter, group: argparse._ArgumentGroup) -> None:
    formatter.start_section(group.title)
    formatter.add_text(group.description)
    formatter.add_arguments(group._group_actions)
    formatter.end_section()


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, notes: str = ""
) -> CommandParser:
    """Add a command, with what it does in one sentence, and notes and examples below its flags."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=notes,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


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


def new_file(name: str) -> Path:
    """For argparse: a file that can be written, which is found out before the work."""
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{name}: must be a file in a folder that is there")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{name}: cannot be written; its owner or mode forbids it")
    return path


def add_calibration(parser: argparse.ArgumentParser) -> None:
    """Add what decides from which similarity on a picture is called a copy."""
    share = number(float, lambda value: 0 < value < 1, "between 0 and 1, such as 1e-3")
    rate = "false-positive rate of the verdict `copy` (default 1e-3)"
    parser.add_argument("--fpr", type=share, default=1e-3, metavar="RATE", help=rate)
    file = "calibration.json of `visop evaluate` (default: the encoder's)"
    parser.add_argument("--calibration", type=Path, metavar="FILE", help=file)


def flag_of(action: argparse.Action) -> str:
    """The long spelling of a flag; empty for an argument that has none."""
    return max(action.option_strings, key=len, default="")


# What gives a setting under another name.
_GIVEN_BY = {"processor": "parts"}


def explain(error: UsageError, arguments: argparse.Namespace) -> str:
    """What is wrong, with the flag in place of the argument that the error names.

    A setting is named by its flag if that was given, and else by its variable.
    """
    actions = {action.dest: action for action in reversed(arguments.parser._actions)}  # new spellings before old ones
    argument = None if isinstance(error, SettingsError) else actions.get(error.field)
    setting = f"setting_{error.field}"
    given = _GIVEN_BY.get(error.field, "")
    if argument is None and getattr(arguments, given, None) is not None:
        argument = actions[given]
    if argument is None and getattr(arguments, setting, None) is not None:
        argument = actions[setting]
    if argument is None and not isinstance(error, SettingsError) and setting in actions:
        return error.told(f"OP_{error.field.upper()}")
    if argument is None:
        return str(error)
    return _SETTING.sub(lambda match: _flag_in(match, actions), error.told(flag_of(argument)))


def _flag_in(match: re.Match[str], actions: Mapping[str, argparse.Action]) -> str:
    """Whoever gave one flag is told of others as flags, too."""
    action = actions.get(f"setting_{match[1].lower()}")
    return flag_of(action) if action else match[0]

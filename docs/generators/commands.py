"""The command reference, from the parsers of ``visop``."""

from __future__ import annotations

import argparse
import dataclasses
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from markdown import block, code, sentence, table

from visop.cli.main import make_parser
from visop.settings import Settings

_SETTING = "setting_"


def reference() -> str:
    """Every command: what it does, how it is typed, what it takes."""
    return "\n\n".join(text for parser in _commands(make_parser()) for text in _command(parser))


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands of a parser, each before its own."""
    for each in parser._actions:
        if isinstance(each, argparse._SubParsersAction):
            commands: Mapping[str, argparse.ArgumentParser] = each.choices
            for command in commands.values():
                yield command
                yield from _commands(command)


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {parser.prog}"
    yield sentence(str(parser.description))
    yield block(" ".join(_usage(parser)))
    actions = list(_shown(parser._actions))
    if arguments := [action for action in actions if not _is_setting(action)]:
        yield table(["argument", "meaning"], ([_names(action), _help(action)] for action in arguments))
    if flags := [action.option_strings[0] for action in actions if _is_setting(action)]:
        yield f"[Settings](settings.md) that are flags of this command: {_enumeration(flags)}."
    for passage in (parser.epilog or "").strip().split("\n\n"):
        yield from _passage(passage)


def _passage(text: str) -> Iterator[str]:
    """Lines below a title are typed, or a list; others are prose."""
    title, _, rest = text.partition("\n")
    if title.endswith(":") and rest.startswith(" "):
        yield sentence(title)
        yield block(textwrap.dedent(rest))
    elif text:
        yield text


def _usage(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield parser.prog
    if any(isinstance(each, argparse._SubParsersAction) for each in parser._actions):
        yield "ACTION"
    for action in _shown(parser._actions):
        if not action.option_strings:
            yield _positional(action)
        elif action.required:
            yield _spelling(action)
    yield "[options]"


def _positional(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    return {"*": f"[{name} ...]", "+": f"{name} [...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _enumeration(flags: Sequence[str]) -> str:
    return "all of them" if len(flags) == len(dataclasses.fields(Settings)) else ", ".join(map(code, flags))


def _is_setting(action: argparse.Action) -> bool:
    return action.dest.startswith(_SETTING)


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return code(action.metavar or action.dest)
    return ", ".join(map(code, [*action.option_strings[:-1], _spelling(action)]))


def _spelling(action: argparse.Action) -> str:
    """The long form of a flag, with what follows it."""
    if action.nargs == 0:
        return action.option_strings[-1]
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    return f"{action.option_strings[-1]} {value}"


def _help(action: argparse.Action) -> str:
    values = {key: getattr(value, "__name__", value) for key, value in vars(action).items()}
    return sentence((action.help or "") % values) + (" Required." if action.required and action.option_strings else "")


def _shown(actions: list[argparse.Action]) -> Iterator[argparse.Action]:
    hidden = {"help", "action"}  # the second one chooses a command of a command, which has a section of its own
    return (each for each in actions if each.help != argparse.SUPPRESS and each.dest not in hidden)

"""Flags as the version before spelled them: they work for one release, stay out of the help, and say what to write."""

from __future__ import annotations

import argparse
from typing import Any

from visop.cli.console import note
from visop.cli.flags import flag_of


def add_old_spelling(parser: argparse._ActionsContainer, old: str, new: argparse.Action) -> None:
    """Let ``old`` do what the flag ``new`` does. ``old`` is a flag, or the name of an argument that had none."""
    how: dict[str, Any] = {"type": new.type, "help": argparse.SUPPRESS}
    how |= {"default": argparse.SUPPRESS} if old.startswith("-") else {"nargs": "?"}
    parser.add_argument(old, action=_OldSpelling, new=new, **how)


def tell_new_spelling(old: str, new: str) -> None:
    """One line on stderr."""
    note(f"write {new} in place of {old}, which the next release will not know")


class _OldSpelling(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, *, new: argparse.Action, **rest: Any) -> None:
        super().__init__(option_strings, dest, **rest)
        self._new, self._is_told = new, False

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if values is None:  # an argument without a flag that is not there
            return
        flag = flag_of(self._new)
        if not self._is_told:
            tell_new_spelling(option or str(values), f"{flag} {values}")
        self._is_told = True
        self._new.required = False  # this gives it
        self._new(parser, namespace, values, flag)

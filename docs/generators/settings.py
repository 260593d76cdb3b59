"""The table of settings, from ``visop.settings``, in the sections of ``visop serve --help``."""

from __future__ import annotations

import argparse
import dataclasses

from markdown import code, table

from visop.cli.main import make_parser
from visop.cli.settings_flags import spoken
from visop.settings import Settings, env_name

_SETTING = "setting_"


def reference() -> str:
    """Every setting with its default and its meaning."""
    return "\n\n".join(f"## {title}\n\n{_section(names)}" for title, names in _sections().items())


def _sections() -> dict[str, list[str]]:
    subparsers = next(each for each in make_parser()._actions if isinstance(each, argparse._SubParsersAction))
    groups = subparsers.choices["serve"]._action_groups
    names = {
        str(group.title).capitalize(): [
            action.dest.removeprefix(_SETTING) for action in group._group_actions if action.dest.startswith(_SETTING)
        ]
        for group in groups
    }
    return {title: found for title, found in names.items() if found}


def _section(names: list[str]) -> str:
    fields = {spec.name: spec for spec in dataclasses.fields(Settings)}
    rows = ([code(env_name(name)), code(spoken(fields[name].default)), fields[name].metadata["help"]] for name in names)
    return table(["variable", "default", "meaning"], rows)

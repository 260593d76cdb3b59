"""How commands say which operator they mean: a running one by its address, or a class in this process."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from visop import address
from visop.cli.flags import CommandParser
from visop.cli.old_spellings import add_old_spelling, tell_new_spelling
from visop.cli.settings_flags import ENCODER_SETTINGS, add_settings, flag_name, given_settings
from visop.errors import UsageError

# What --operator took in the version before; the port of a HOST:PORT is a number.
_CLASS = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")


def add_running_operator(parser: argparse._ActionsContainer, help_text: str, *, several: bool = False) -> None:
    """Add ``-e/--operator HOST:PORT``: ``operator``, or ``operators`` if there may be several."""
    where: dict[str, Any] = {"dest": "operators", "default": []} if several else {"dest": "operator"}
    parser.add_argument("-e", "--operator", action=_Running, metavar="HOST:PORT", help=help_text, **where)
    _add_connection_flags(parser)


def _add_connection_flags(parser: argparse._ActionsContainer) -> None:
    """Add what a running operator needs that is not open to all."""
    tls = "connect to the running operator with TLS"
    parser.add_argument("--tls", action="store_const", const="on", help=f"{tls} [VISOP_TLS]")
    files = {
        "ca": f"{tls}, and take authorities from this file [VISOP_CA]",
        "cert": f"{tls}, and show it this certificate, with --key [VISOP_CERT]",
        "key": "the private key of --cert [VISOP_KEY]",
        "token-file": "send it the token that this file has [VISOP_TOKEN_FILE]",
    }
    for name, text in files.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=text)


def use_connection_flags(arguments: argparse.Namespace) -> None:
    """Say to all connections of this process what these flags say: clients are made in many places."""
    for name in ("tls", "ca", "cert", "key", "token_file"):
        if value := getattr(arguments, name, None):
            os.environ[f"VISOP_{name.upper()}"] = value


def host_port(text: str) -> str:
    """For argparse: the address of a running operator."""
    with suppress(ValueError):
        host, port = address.split(text)
        if host and port:
            return text
    raise argparse.ArgumentTypeError(f"{text}: must be HOST:PORT, such as 127.0.0.1:50051")


class _Running(argparse.Action):
    """Stores or appends; a class, which was given so in the version before, becomes the setting."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        if _CLASS.fullmatch(value):
            tell_new_spelling(f"{option} {value}", f"--class {value}")
            namespace.setting_operator = value
            return
        try:
            host_port(value)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        if self.dest == "operators":
            namespace.operators = [*namespace.operators, value]
        else:
            setattr(namespace, self.dest, value)


def add_local_operator(parser: CommandParser, *, was_operator: bool = False) -> None:
    """Add the flags of an operator in this process: its class, and the settings of the encoder that is built in.

    Args:
        parser: of the command.
        was_operator: whether ``--operator`` was a class in the version before, and is nothing in this one.
    """
    such_as = "of the operator in this process, such as --class, --model, --weights"
    group = parser.add_engine_group("the operator in this process", such_as)
    add_settings(group, ["operator", *ENCODER_SETTINGS])
    if was_operator:
        add_old_class_flag(parser)


def add_old_class_flag(parser: argparse.ArgumentParser) -> None:
    """Let ``--operator`` mean ``--class``, as it did."""
    new = next(action for action in parser._actions if action.dest == "setting_operator")
    add_old_spelling(parser, "--operator", new)


def check_local_flags(arguments: argparse.Namespace, operators: Sequence[str]) -> None:
    """Refuse flags of an operator in this process beside running ones.

    Raises:
        UsageError: there are both.
    """
    if operators and (flags := [flag_name(name) for name in given_settings(arguments)]):
        raise UsageError("", ", ".join(flags), f"has no effect on the running operator {operators[0]}")

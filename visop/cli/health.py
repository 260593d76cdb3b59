"""``visop health``: whether a running operator works."""

from __future__ import annotations

import argparse

from visop import address
from visop.cli.console import FAILED
from visop.cli.flags import Commands, add_command
from visop.cli.operator_flags import add_running_operator
from visop.cli.settings_flags import read_settings
from visop.settings import Settings
from visop.sources import printable

_NOTES = """\
examples:
  visop health                       the operator of this machine, as a container's health check
  visop health -e 10.0.0.7:50051     another one
"""


def add_parser(commands: Commands) -> None:
    """Add ``health`` to the commands of ``visop``."""
    parser = add_command(commands, "health", run, "ask a running operator whether it works; exit status 0 or 1", _NOTES)
    add_running_operator(parser, "which one (default: the one that OP_ENDPOINT and OP_BIND start on this machine)")


def run(arguments: argparse.Namespace) -> int:
    """Ask once; the exit status."""
    from visop.client import HEALTHY, Backoff, Client

    named = arguments.operator
    target = named or _local_target(read_settings(arguments).settings)
    # Which of its addresses this machine is called by makes no difference: no proxy is asked for it.
    with Client(target, timeout_s=3.0, backoff=Backoff(retries=0), proxy=bool(named)) as client:
        health = client.health()
    print(printable(health))
    return 0 if health == HEALTHY else FAILED


def _local_target(settings: Settings) -> str:
    """Where a server with these settings can be reached from its own host."""
    if address.is_wildcard(settings.host):
        return address.join("::1" if ":" in settings.host else "127.0.0.1", settings.port)
    return address.join(settings.host, settings.port)

"""``visop serve``: the command."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from visop.cli.console import imports
from visop.cli.flags import Commands, add_all_settings, add_command, read_settings


def add_parser(commands: Commands) -> None:
    """Add ``serve`` to the commands of ``visop``."""
    parser = add_command(commands, "serve", run, "serve the operator until SIGTERM")
    add_all_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    effective = read_settings(arguments)
    with imports("to serve: pip install 'visop[cpu]'"):
        from visop.http import http_companions
        from visop.serving.lifecycle import serve
    return serve(effective, lambda *_: nullcontext(http_companions(effective.settings)))

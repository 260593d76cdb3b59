"""The command line: one module per command, named as the command.

Modules of commands import nothing heavy; what a command needs is imported when it runs, so that ``--help`` and
``health`` are quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from visop import __version__
from visop.cli.console import FAILED, INTERRUPTED, WRONG_USAGE, complain, reason
from visop.cli.flags import CommandParser, Formatter, explain
from visop.cli.operator_flags import use_connection_flags
from visop.errors import UsageError, VisopError

# In the order of the help. Each module has an ``add_parser``.
_COMMANDS = (
    "run",
    "serve",
    "info",
    "health",
    "token",
    "encode",
    "detect",
    "index",
    "search",
    "duplicates",
    "remove",
    "reindex",
    "analyses",
    "jobs",
    "worker",
    "compare",
    "evaluate",
    "train",
    "whiten",
    "convert",
    "generate",
    "collect",
)

_EXAMPLES = """\
examples:
  visop run --pictures ~/Pictures                    search your pictures in a browser
  visop serve                                        serve an operator over gRPC, on 127.0.0.1:50051
  visop health -e 10.0.0.7:50051                     ask a running operator whether it works
  visop encode pictures/ --out vectors.npy           encode a folder in this process
  visop encode pictures/ --out v.npy -e HOST:PORT    the same, by a running operator
  visop detect pictures/ --model faces               find faces, or objects; --annotated FOLDER draws them
  visop index pictures/                              make a folder searchable, then
  visop search cat.jpg                               find the pictures most like one
  visop analyses serve                               keep what operators find, in a database
  visop jobs submit pictures/ --operator faces       have a folder analysed by a service that runs

Words that mean the same in every command:
  -e, --operator HOST:PORT    a running operator         --out      where the result goes
  --class module:Class        one in this process        --limit    how many pictures at most
  --uri, --index              which index                --k        how many pictures to find

Every setting is a flag of `visop serve` and an environment variable: --max-batch 16 is OP_MAX_BATCH=16. The flag wins.
`visop info` prints all of them. `visop COMMAND --help` has more examples, and --help-engine the settings of the engine.

`pip install visop` is the client: info, health, encode and detect with -e, visop.Client in Python. In extras are:
  visop[cpu]       serve and encode on a CPU          visop[search]    index, search, duplicates, remove, reindex
  visop[gpu]       serve and encode on a GPU          visop[web]       run: the search page, and all of the above
  visop[tools]     compare, evaluate, whiten, ...     visop[train]     train, with a framework of your choice
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    _open_closed_streams()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC would print what our own errors say
    parser = make_parser()
    arguments, unknown = parser.parse_known_args(argv)
    if not arguments.command:
        parser.print_help()
        return 0
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        use_connection_flags(arguments)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        return complain(explain(error, arguments), WRONG_USAGE)
    except VisopError as error:
        return complain(reason(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # such as `visop info | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _open_closed_streams() -> None:
    """Put the null device where the caller closed a standard stream, so that no file or socket gets its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process runs
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process runs


def make_parser() -> argparse.ArgumentParser:
    """The parser of every command; what it reads has ``run``, which takes it and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="visop",
        description="Turn pictures into vectors, serve that over gRPC and HTTP, and search with it.",
        epilog=_EXAMPLES,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"visop {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    for name in _COMMANDS:
        importlib.import_module(f"visop.cli.{name}").add_parser(commands)
    return parser

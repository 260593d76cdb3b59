"""The command line. What a command needs is imported when it runs, so that ``--help`` and ``health`` are quick."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from visop.commands import (
    FAILED,
    INTERRUPTED,
    WRONG_USAGE,
    add_command,
    add_settings,
    complain,
    imports,
    read_settings,
    reason,
    spoken,
)
from visop.errors import OperatorError, SettingsError
from visop.settings import Effective, Settings, env_name

# Where the sections of Settings begin, for the help.
_SECTIONS = {
    "operator": "what is served",
    "endpoint": "where it is reached",
    "max_batch": "how much at once",
    "request_timeout_s": "how long",
    "max_message_bytes": "what is accepted",
    "log_level": "what is told",
}

# Commands of other rooms: each module has an ``add_parser``, and imports nothing heavy.
_COMMANDS = (
    "visop.encode.command",
    "visop.training.command",
    "visop.evaluation.command",
    "visop.evaluation.compare_command",
    "visop.encode.whiten_command",
    "visop.pictures.command",
    "visop.collect.command",
    "visop.search.command",
    "visop.web.command",
)

_EXAMPLES = """\
examples:
  visop run --photos ~/Pictures                    search your pictures in a browser
  visop serve                                      serve CustomOperator on 127.0.0.1:50051
  visop serve --model vgg16 --weights random       try it without downloading weights
  visop info                                       every setting, and where its value comes from
  visop health -e 10.0.0.7:50051                   ask a running operator whether it works
  visop encode photos/ --out vectors.npy           encode a folder in this process
  visop encode photos/ --out v.npy -e HOST:PORT    the same over a running operator

Every setting is a flag of `serve` and a variable: --max-batch 16 is OP_MAX_BATCH=16. The flag wins.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except SettingsError as error:
        return complain(error, WRONG_USAGE)
    except OperatorError as error:
        return complain(reason(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # such as `visop info | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


# --- the parser ---


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="visop",
        description="Image-embedding operators behind gRPC.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = add_command(commands, "serve", _serve, "serve the operator until SIGTERM")
    _add_all_settings(serve)
    info = add_command(
        commands, "info", _info, "print the effective settings, the models, or what a running operator is"
    )
    info.add_argument("-e", dest="remote", metavar="HOST:PORT", help="what this running operator is")
    info.add_argument("--models", action="store_true", help="the models of the built-in encoder")
    info.add_argument("--json", action="store_true", help="for programs")
    _add_all_settings(info)
    health = add_command(commands, "health", _health, "ask a running operator whether it works; exit status 0 or 1")
    health.add_argument("-e", dest="remote", metavar="HOST:PORT", help="default: the port of OP_ENDPOINT, on this host")
    for name in _COMMANDS:
        importlib.import_module(name).add_parser(commands)
    return parser


def _add_all_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for every setting, in sections."""
    section: argparse._ActionsContainer = parser
    for spec in dataclasses.fields(Settings):
        if spec.name in _SECTIONS:
            section = parser.add_argument_group(_SECTIONS[spec.name])
        add_settings(section, [spec.name])


# --- serve, info, health ---


def _serve(arguments: argparse.Namespace) -> int:
    effective = read_settings(arguments)
    with imports("to serve: pip install 'visop[cpu]'"):
        from visop.serving.lifecycle import serve
    return serve(effective)


def _info(arguments: argparse.Namespace) -> int:
    if arguments.remote:
        facts = _identity_facts(arguments.remote)
    elif arguments.models:
        facts = _model_facts()
    else:
        facts = _settings_facts(read_settings(arguments))
    if arguments.json:
        print(json.dumps(facts, indent=2, default=str))
    else:
        _print_table(facts)
    return 0


def _settings_facts(effective: Effective) -> dict[str, Any]:
    values = dataclasses.asdict(effective.settings)
    return {env_name(name): {"value": value, "from": effective.sources[name]} for name, value in values.items()}


def _model_facts() -> dict[str, Any]:
    from visop.models.registry import MODELS

    return {
        spec.name: {
            "dimension": spec.dimension,
            "input": f"{spec.width}x{spec.height}",
            "pooling": spec.pooling,
            "weights": spec.weights_file,
            "licence": spec.weights_licence,
        }
        for spec in MODELS.values()
    }


def _identity_facts(target: str) -> dict[str, Any]:
    from visop.client import Client

    with Client(target, timeout_s=10.0) as client:
        facts = dataclasses.asdict(client.identity())
        limits: dict[str, Any] = facts.pop("limits")
        return facts | limits | {"health": client.health()}


def _print_table(facts: dict[str, Any]) -> None:
    """A line per fact; facts that have several values have a header."""
    rows: list[tuple[str, ...]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            rows = rows or [("", *value)]
            rows.append((name, *map(spoken, value.values())))
        else:
            rows.append((name, spoken(value)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _health(arguments: argparse.Namespace) -> int:
    from visop.client import HEALTHY, Backoff, Client

    target = arguments.remote or _local_target(read_settings(arguments).settings)
    with Client(target, timeout_s=3.0, backoff=Backoff(retries=0)) as client:
        health = client.health()
    print(health)
    return 0 if health == HEALTHY else FAILED


def _local_target(settings: Settings) -> str:
    """Where a server with these settings can be reached from its own host."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)  # noqa: S104 - read, not bound
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"

"""``visop info``: the effective settings, the models, or what a running operator or an index is."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from visop.cli.console import imports
from visop.cli.flags import Commands, add_command
from visop.cli.index_flags import token, uri_of
from visop.cli.operator_flags import add_running_operator
from visop.cli.settings_flags import add_all_settings, read_settings, spoken
from visop.part_scheme import spoken_parts
from visop.search import DEFAULT_NAME
from visop.settings import Effective, env_name
from visop.sources import printable

_NOTES = """\
Every setting is a flag of `visop serve` and an environment variable: --max-batch 16 is OP_MAX_BATCH=16. The flag wins.
Given here, a flag shows what it would change.

examples:
  visop info                         every setting, its value, and where the value comes from
  visop info --models                the models that OP_MODEL takes
  visop info -e 10.0.0.7:50051       what a running operator is
  visop info --index pictures        what an index is, and how many pictures and vectors it has
"""


def add_parser(commands: Commands) -> None:
    """Add ``info`` to the commands of ``visop``."""
    summary = "print the settings in effect, the models, or what a running operator or an index is"
    parser = add_command(commands, "info", run, summary, _NOTES)
    add_running_operator(parser, "print what this running operator is: its vectors, its limits, its health")
    which = "print what this index is: its encoder, its parts, its attributes, how many pictures and vectors it has"
    parser.add_argument("--index", metavar="NAME", help=which)
    parser.add_argument("--uri", metavar="PATH_OR_URL", help="where the index is, as for `visop index`")
    parser.add_argument(
        "--models", action="store_true", help="print the models that are built in, encoders and processors"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_all_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print facts, as a table or as JSON; the exit status."""
    if arguments.index or arguments.uri:
        tables = [_index_facts(arguments)]
    elif arguments.operator:
        tables = [_identity_facts(arguments.operator)]
    elif arguments.models:
        tables = [_encoder_facts(), _processor_facts()]
    else:
        tables = [_settings_facts(read_settings(arguments))]
    if arguments.json:
        print(json.dumps({name: fact for facts in tables for name, fact in facts.items()}, indent=2, default=str))
    else:
        for number, facts in enumerate(tables):
            print("\n" * bool(number), end="")
            _print_table(facts)
    return 0


def _settings_facts(effective: Effective) -> dict[str, Any]:
    values = dataclasses.asdict(effective.settings)
    return {env_name(name): {"value": value, "from": effective.sources[name]} for name, value in values.items()}


def _encoder_facts() -> dict[str, Any]:
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


def _processor_facts() -> dict[str, Any]:
    from visop.processors.registry import processor_facts

    return processor_facts()


def _identity_facts(target: str) -> dict[str, Any]:
    from visop.client import Client

    with Client(target, timeout_s=10.0) as client:
        facts = dataclasses.asdict(client.identity())
        operator: dict[str, Any] = facts.pop("operator")
        operator["older_fingerprints"] = sorted(operator["older_fingerprints"])
        limits: dict[str, Any] = facts.pop("limits")
        return operator | facts | limits | {"health": client.health()}


def _index_facts(arguments: argparse.Namespace) -> dict[str, Any]:
    with imports("to search: pip install 'visop[search]'"):
        from visop.search.place import check_there, shown_uri
        from visop.search.store import open_store
    uri, name = uri_of(arguments), arguments.index or DEFAULT_NAME
    check_there(uri)
    with open_store(uri, token()) as store:
        index = store.find(name)
        operator = index.operator
        return {
            "index": name,
            "uri": shown_uri(uri),
            "operator": operator.name,
            "fingerprint": operator.fingerprint,
            "dimension": operator.dimension,
            "metric_type": operator.metric_type,
            "parts": spoken_parts(operator.parts),
            "attributes": ", ".join(f"{name}:{type_}" for name, type_ in index.attributes.items()) or "none",
            "pictures": index.count(),
            "vectors": index.vectors(),
            "index_type": str(index.index_type),
        }


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
        print(printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()))

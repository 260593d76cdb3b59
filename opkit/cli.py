"""The command line. What a command needs is imported when it runs, so that ``--help`` and ``health`` are quick."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from opkit.errors import OperatorError, SettingsError
from opkit.settings import Effective, Settings, env_name, flag_name, load_settings

if TYPE_CHECKING:
    from opkit.client import Identity
    from opkit.contract import OperatorInfo
    from opkit.encode.run import StreamEncoder
    from opkit.encode.vector_file import Origin, Outputs

# Exit statuses, beside 0 for success and 130 for Ctrl-C, which is the shell's.
FAILED = 1
WRONG_USAGE = 2
UNFINISHED = 3

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
    "opkit.training.command",
    "opkit.evaluation.command",
    "opkit.evaluation.compare_command",
    "opkit.encode.whiten_command",
    "opkit.pictures.command",
    "opkit.collect.command",
    "opkit.search.command",
    "opkit.web.command",
)

_EXAMPLES = """\
examples:
  opkit run --photos ~/Pictures                    search your pictures in a browser
  opkit serve                                      serve CustomOperator on 127.0.0.1:50051
  opkit serve --model vgg16 --weights random       try it without downloading weights
  opkit info                                       every setting, and where its value comes from
  opkit health -e 10.0.0.7:50051                   ask a running operator whether it works
  opkit encode photos/ --out vectors.npy           encode a folder in this process
  opkit encode photos/ --out v.npy -e HOST:PORT    the same over a running operator

Every setting is a flag of `serve` and a variable: --max-batch 16 is OP_MAX_BATCH=16. The flag wins.
"""

_ENCODE_NOTES = """\
written:
  OUT.npy           float32, one row per image that could be encoded; numpy.load(..., mmap_mode="r") opens any size
  OUT.csv           row, input: which image each row came from
  OUT.errors.csv    input, code, reason: the images that could not be encoded, which never stop the run
  OUT.json          the operator and the fingerprint of its vectors

A run that was interrupted, in whatever way, goes on where it stopped when the same command is given again.

exit status:
  0 all encoded    1 some images failed    2 wrong usage or settings    3 not finished    130 Ctrl-C

examples:
  opkit encode photos/ --out vectors.npy --model vgg16
  opkit encode photos/ more/ https://example.org/cat.jpg --out vectors.npy -e 127.0.0.1:50051
  find /data -name '*.jpg' | opkit encode --list - --out vectors.npy -e 127.0.0.1:50051
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except SettingsError as error:
        return _complain(error, WRONG_USAGE)
    except OperatorError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # such as `opkit info | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _complain(error: object, status: int) -> int:
    print(f"opkit: {error}", file=sys.stderr)
    return status


# --- the parser ---


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="opkit",
        description="Image-embedding operators behind gRPC.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _add(commands, "serve", _serve, "serve the operator until SIGTERM")
    _add_settings(serve, list(_SECTIONS))
    info = _add(commands, "info", _info, "print the effective settings, the models, or what a running operator is")
    info.add_argument("-e", dest="remote", metavar="HOST:PORT", help="what this running operator is")
    info.add_argument("--models", action="store_true", help="the models of the built-in encoder")
    info.add_argument("--json", action="store_true", help="for programs")
    _add_settings(info, list(_SECTIONS))
    health = _add(commands, "health", _health, "ask a running operator whether it works; exit status 0 or 1")
    health.add_argument("-e", dest="remote", metavar="HOST:PORT", help="default: the port of OP_ENDPOINT, on this host")
    _add_encode(commands)
    for name in _COMMANDS:
        importlib.import_module(name).add_parser(commands)
    return parser


def _add(commands: Any, name: str, run: Callable[..., int], summary: str, epilog: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _add_encode(commands: Any) -> None:
    parser = _add(commands, "encode", _encode, "turn images into one file of vectors", _ENCODE_NOTES)
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="files, http(s) URLs, and folders with all below")
    parser.add_argument("--out", required=True, type=Path, metavar="OUT.npy", help="where the vectors go")
    parser.add_argument("-e", dest="remote", metavar="HOST:PORT", help="a running operator; default: in this process")
    parser.add_argument("--list", type=Path, metavar="FILE", help="more files and URLs, one a line; - is stdin")
    parser.add_argument("--errors", type=Path, metavar="FILE", help="default: OUT.errors.csv")
    parser.add_argument("--batch", type=_positive, default=16, metavar="N", help="images per request (default 16)")
    parser.add_argument("--restart", action="store_true", help="encode anew, over what there is")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    _add_settings(parser, ["operator"])


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1")
    return int(text)


def _add_settings(parser: argparse.ArgumentParser, sections: Sequence[str]) -> None:
    """A flag for every setting of these sections. All take text: ``load_settings`` is who reads and judges it."""
    hints = get_type_hints(Settings)
    section = ""
    groups = {name: parser.add_argument_group(_SECTIONS[name]) for name in sections}
    for spec in dataclasses.fields(Settings):
        section = spec.name if spec.name in _SECTIONS else section
        if section in groups:
            default = _spoken(spec.default) or "empty"
            text = f"{spec.metadata['help']} [{env_name(spec.name)}; default: {default}]".replace("%", "%%")
            groups[section].add_argument(
                flag_name(spec.name), dest=f"setting_{spec.name}", metavar=_metavar(hints[spec.name]), help=text
            )


def _metavar(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "A,B,..."
    return {bool: "on|off", int: "N", float: "N", Path: "PATH"}.get(kind, "TEXT")


def _given(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings that were given as flags, by name."""
    values = {spec.name: getattr(arguments, f"setting_{spec.name}", None) for spec in dataclasses.fields(Settings)}
    return {name: text for name, text in values.items() if text is not None}


def _effective(arguments: argparse.Namespace) -> Effective:
    return load_settings(os.environ, _given(arguments))


def _spoken(value: Any) -> str:
    """A setting as it would be typed."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, tuple) else str(value)


# --- serve, info, health ---


def _serve(arguments: argparse.Namespace) -> int:
    effective = _effective(arguments)
    with _packages_for_serving():
        from opkit.serving.lifecycle import serve
    return serve(effective)


@contextmanager
def _packages_for_serving() -> Iterator[None]:
    """A client's installation has none of them."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error.name} is not installed; to serve: pip install 'opkit[cpu]'") from None


def _info(arguments: argparse.Namespace) -> int:
    if arguments.remote:
        facts = _identity_facts(arguments.remote)
    elif arguments.models:
        facts = _model_facts()
    else:
        facts = _settings_facts(_effective(arguments))
    if arguments.json:
        print(json.dumps(facts, indent=2, default=str))
    else:
        _print_table(facts)
    return 0


def _settings_facts(effective: Effective) -> dict[str, Any]:
    values = dataclasses.asdict(effective.settings)
    return {env_name(name): {"value": value, "from": effective.sources[name]} for name, value in values.items()}


def _model_facts() -> dict[str, Any]:
    from opkit.models.registry import MODELS

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
    from opkit.client import Client

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
            rows.append((name, *map(_spoken, value.values())))
        else:
            rows.append((name, _spoken(value)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _health(arguments: argparse.Namespace) -> int:
    from opkit.client import HEALTHY, Backoff, Client

    target = arguments.remote or _local_target(_effective(arguments).settings)
    with Client(target, timeout_s=3.0, backoff=Backoff(retries=0)) as client:
        health = client.health()
    print(health)
    return 0 if health == HEALTHY else FAILED


def _local_target(settings: Settings) -> str:
    """Where a server with these settings can be reached from its own host."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)  # noqa: S104 - read, not bound
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


# --- encode ---


def _encode(arguments: argparse.Namespace) -> int:
    from opkit.encode.inputs import find_inputs, read_list
    from opkit.encode.vector_file import Outputs

    outputs = Outputs(arguments.out, arguments.errors or arguments.out.with_suffix(".errors.csv"))
    names = find_inputs(arguments.inputs) + (read_list(arguments.list) if arguments.list else [])
    if not names:
        raise SettingsError("nothing to encode: no images in the folders, and no files or URLs")
    if not arguments.quiet:
        _tell_retries()
    kept = "What is done is kept; the same command goes on from there."
    try:
        return _encode_names(names, outputs, arguments)
    except KeyboardInterrupt:
        return _complain(f"interrupted. {kept}", 130)
    except SettingsError:
        raise
    except (OperatorError, OSError) as error:
        return _complain(f"not finished: {getattr(error, 'detail', error)}. {kept}", UNFINISHED)


def _tell_retries() -> None:
    """So that a run that waits for its operator to come back does not look like one that hangs."""
    logging.basicConfig(format="opkit: %(message)s")
    logging.getLogger("opkit.client").setLevel(logging.INFO)


def _encode_names(names: Sequence[str], outputs: Outputs, arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from opkit.encode.run import encode_into
    from opkit.encode.vector_file import VectorFile

    with (
        _open_encoder(arguments) as (encoder, origin, max_image_bytes),
        VectorFile(outputs, origin, restart=arguments.restart) as file,
        # None: a bar on a terminal, and none in a log.
        tqdm(total=len(names), initial=file.done.total(), unit=" images", disable=arguments.quiet or None) as bar,
    ):
        encode_into(
            file, encoder, names, max_image_bytes=max_image_bytes, batch=arguments.batch, on_done=lambda: bar.update()
        )
        file.finish()
    if not arguments.quiet:
        print(f"{file.good} vectors of dimension {origin.dimension} in {outputs.vectors}")
    if file.bad:
        return _complain(f"{file.bad} of {file.good + file.bad} inputs failed; {outputs.errors} says why", FAILED)
    return 0


@contextmanager
def _open_encoder(arguments: argparse.Namespace) -> Iterator[tuple[StreamEncoder, Origin, int]]:
    """The running operator, or one in this process; what it is; and the bytes that one image may have."""
    if arguments.remote:
        from opkit.client import Client

        if flags := [flag_name(name) for name in _given(arguments)]:
            raise SettingsError(f"{', '.join(flags)}: has no effect on the running operator {arguments.remote}")
        with Client(arguments.remote) as client:
            identity = client.identity()
            yield client, _origin_of(identity), identity.limits.max_image_bytes
    else:
        settings = _effective(arguments).settings
        with _packages_for_serving():
            from opkit.encode.local import open_local
        with open_local(settings) as encoder:
            yield encoder, _origin_of(encoder.info), settings.max_image_bytes


def _origin_of(operator: Identity | OperatorInfo) -> Origin:
    from opkit.encode.vector_file import Origin

    if operator.type != "encoder" or operator.dimension < 1:
        raise SettingsError(f"{operator.name} is a {operator.type} of dimension {operator.dimension}, not an encoder")
    return Origin(operator.name, operator.fingerprint, operator.dimension, operator.metric_type)

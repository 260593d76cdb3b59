"""``visop encode``: pictures into one file of vectors. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import complain_of_inputs, imports, resumable, tell_retries
from visop.cli.flags import Commands, add_command, whole
from visop.cli.folder_flags import FOLDER_NOTES, add_folder_flags, find_options, tell_passed
from visop.cli.operator_flags import add_local_operator, add_running_operator, check_local_flags
from visop.cli.settings_flags import read_settings
from visop.errors import UsageError

if TYPE_CHECKING:
    from visop.contract import OperatorInfo
    from visop.encoding.run import StreamEncoder
    from visop.encoding.vector_file import Outputs

_NOTES = f"""\
{FOLDER_NOTES}

files written:
  OUT.npy           float32, one row per picture that could be encoded; numpy.load(..., mmap_mode="r") opens any size
  OUT.csv           row, input: which picture each row came from
  OUT.errors.csv    input, code, reason: the pictures that could not be encoded; they never stop the run
  OUT.json          the operator and the fingerprint of its vectors

If a run is interrupted, the same command continues where it stopped.

exit status:
  0 all encoded    1 some pictures failed    2 wrong usage or settings    3 not finished    130 Ctrl-C

examples:
  visop encode pictures/ --out vectors.npy                                   in this process
  visop encode pictures/ --out vectors.npy --model vgg16                     with another model
  visop encode pictures/ https://example.org/cat.jpg --out vectors.npy -e 127.0.0.1:50051
  find /data -name '*.jpg' | visop encode --list - --out vectors.npy -e 127.0.0.1:50051
"""


def add_parser(commands: Commands) -> None:
    """Add ``encode`` to the commands of ``visop``."""
    parser = add_command(commands, "encode", run, "turn pictures into one file of vectors", _NOTES)
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="folders, files, http(s) URLs, LIST.txt, LIST.csv")
    parser.add_argument(
        "--out", dest="vectors", required=True, type=Path, metavar="OUT.npy", help="where the vectors go"
    )
    add_running_operator(parser, "a running operator that encodes (default: one in this process)")
    add_folder_flags(parser)
    parser.add_argument("--list", type=Path, metavar="FILE", help="more files and URLs, one per line; - is stdin")
    parser.add_argument(
        "--errors", type=Path, metavar="FILE", help="where the failures are listed (default OUT.errors.csv)"
    )
    parser.add_argument("--batch", type=whole(1), default=16, metavar="N", help="pictures per request (default 16)")
    parser.add_argument(
        "--restart", action="store_true", help="encode everything again, and replace the files that are there"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    add_local_operator(parser)


def run(arguments: argparse.Namespace) -> int:
    """Encode, with a bar; the exit status.

    Raises:
        UsageError: wrong usage, or nothing to encode.
    """
    from visop.encoding.vector_file import Outputs
    from visop.sources import find_inputs, read_list

    outputs = Outputs(arguments.vectors, arguments.errors or arguments.vectors.with_suffix(".errors.csv"))
    found = find_inputs(arguments.inputs, find_options(arguments), keep_unreadable=True)
    tell_passed(found.passed, quiet=arguments.quiet)
    names = found.names + (read_list(arguments.list) if arguments.list else [])
    if not names:
        raise UsageError("", "", "nothing to encode: no pictures in the folders, and no files or URLs")
    if not arguments.quiet:
        tell_retries()
    return resumable(lambda: _encode(names, outputs, arguments))


def _encode(names: Sequence[str], outputs: Outputs, arguments: argparse.Namespace) -> int:
    from visop.encoding.run import encode_into
    from visop.encoding.vector_file import VectorFile
    from visop.progress import progress_bar

    with (
        _open_encoder(arguments) as (encoder, operator, max_image_bytes),
        VectorFile(outputs, operator, restart=arguments.restart) as file,
        progress_bar(len(names), initial=file.done.total(), quiet=arguments.quiet) as bar,
    ):
        encode_into(file, encoder, names, max_image_bytes=max_image_bytes, batch=arguments.batch, on_done=bar.update)
        file.finish()
    if not arguments.quiet:
        print(f"{file.good} vectors of dimension {operator.dimension} in {outputs.vectors}")
    if file.bad:
        failed = f"{file.bad} of {file.good + file.bad} inputs failed; {outputs.errors} says why"
        return complain_of_inputs(failed, file.reasons)
    return 0


@contextmanager
def _open_encoder(arguments: argparse.Namespace) -> Iterator[tuple[StreamEncoder, OperatorInfo, int]]:
    """The running operator, or one in this process; what it is; and how many bytes one picture may have."""
    from visop.same_encoder import check_is_encoder

    if arguments.operator:
        from visop.client import Client

        check_local_flags(arguments, [arguments.operator])
        with Client(arguments.operator) as client:
            identity = client.identity()
            check_is_encoder(identity.operator)
            yield client, identity.operator, identity.limits.max_image_bytes
    else:
        settings = read_settings(arguments).settings
        with imports("to encode in this process: pip install 'visop[cpu]'"):
            from visop.encoding.local import open_local
        with open_local(settings) as encoder:
            yield encoder, encoder.info, settings.max_image_bytes

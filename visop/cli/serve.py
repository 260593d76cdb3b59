"""``visop serve``: an operator over gRPC, and over HTTP if that is wanted."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from visop.cli.console import imports
from visop.cli.flags import Commands, add_command
from visop.cli.operator_flags import add_old_class_flag
from visop.cli.settings_flags import add_all_settings, read_settings

_NOTES = """\
Without --class, CustomOperator of custom_operator.py in the working folder is served; where there is no such file, the
encoder that is built in.

On SIGTERM or Ctrl-C, health says that it is not serving, calls in flight are finished, and the exit status is 0. A
second signal ends it at once.

examples:
  visop serve                                                the built-in encoder, on 127.0.0.1:50051
  visop serve --class my_operators:Logos                     a class of your own
  visop serve --model vgg16 --weights random                 try a model without downloading its weights
  visop serve --model faces                                  find faces (needs `pip install 'visop[faces]'`)
  visop serve --processor regions:10                         a vector for each of ten regions of a picture
  visop serve --http-endpoint 127.0.0.1:8080                 over HTTP, too
  visop serve --processor faces --encoder 10.0.0.8:50051     find faces here, and encode them there
  visop serve --bind 0.0.0.0 --endpoint 10.0.0.7:50051 --tokens-file tokens.txt    for other machines, by 10.0.0.7:50051
"""


def add_parser(commands: Commands) -> None:
    """Add ``serve`` to the commands of ``visop``."""
    parser = add_command(commands, "serve", run, "serve an operator until SIGTERM", _NOTES)
    add_all_settings(parser)
    add_old_class_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    effective = read_settings(arguments)
    with imports("to serve: pip install 'visop[cpu]'"):
        from visop.http import http_companions
        from visop.serving.lifecycle import serve
    return serve(effective, lambda *_: nullcontext(http_companions(effective.settings)))

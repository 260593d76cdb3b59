"""``visop token``: make a token, and the line to keep of it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from visop.access.scopes import Scope, parsed
from visop.access.tokens import new_token, read_tokens
from visop.cli.flags import Commands, add_command, whole
from visop.errors import UsageError

_NOTES = """\
The token is printed once, on standard output; it lets anybody in. Only its hash is kept: the line goes into the
file that OP_TOKENS_FILE of the server names, which is read again when it changes. To renew a token, add a second one of
the same name, hand it out, and then delete the old line.

Clients send it as `authorization: Bearer TOKEN`, over gRPC and over HTTP; a browser asks for it as the password.
Commands take it from --token-file or VISOP_TOKEN_FILE.

scopes:
  encode    pictures to vectors or parts          write    change indexes, upload, remove
  search    search, see pictures of an index      admin    everything

examples:
  visop token engine --scope encode --add tokens.txt > engine.token
  visop token alice --scope search,write --days 90 --add tokens.txt
  OP_TOKENS_FILE=tokens.txt visop serve --bind 0.0.0.0
"""


def add_parser(commands: Commands) -> None:
    """Add ``token`` to the commands of ``visop``."""
    parser = add_command(commands, "token", run, "make a token that lets a caller in", _NOTES)
    parser.add_argument("name", metavar="NAME", help="whom it is for")
    parser.add_argument("--scope", required=True, metavar="SCOPE[,SCOPE]", help=f"what it allows: {', '.join(Scope)}")
    parser.add_argument("--days", type=whole(1), metavar="N", help="after how many days it is refused (default: never)")
    parser.add_argument(
        "--add", type=Path, metavar="FILE", help="add its line to this file; by default it is printed on standard error"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a new token; the exit status."""
    try:
        scopes = parsed(arguments.scope.split(","))
    except ValueError:
        raise UsageError("scope", arguments.scope, f"must be of {', '.join(Scope)}, with commas") from None
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=arguments.days) if arguments.days else None
    secret, token = new_token(arguments.name, scopes, expires)
    try:
        read_tokens(token.line())
    except ValueError:
        raise UsageError("name", arguments.name, "must be at most 64 letters, digits and _ . @ -") from None
    if arguments.add:
        _add(arguments.add, token.line())
    else:
        sys.stderr.write(f"{token.line()}\n")
    print(secret)
    return 0


def _add(file: Path, line: str) -> None:
    """Append; nobody else may read a new file, though it has no token in it."""
    try:
        file.touch(mode=0o600)
        before = file.read_text()
        with file.open("a") as lines:
            lines.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
    except OSError as error:
        raise UsageError("add", str(file), f"cannot be written: {error.strerror}") from None

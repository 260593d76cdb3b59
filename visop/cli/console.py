"""What the commands have in common when they run: words on stderr, exit statuses, how a run ends."""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from visop.errors import TrainingFailed, UsageError, VisopError
from visop.sources import printable

# Exit statuses beside 0. The last one is what shells give to a program that Ctrl-C ended.
FAILED, WRONG_USAGE, UNFINISHED, INTERRUPTED = 1, 2, 3, 130

#: What ``resumable`` says where nothing is special.
KEPT = "What is done is kept; the same command goes on from there."

# So many of the reasons for which inputs failed are told.
_REASONS = 3


@contextmanager
def imports(advice: str) -> Iterator[None]:
    """Around imports whose packages may not be installed: a client's installation has few of them.

    Args:
        advice: what to do, such as ``to serve: pip install 'visop[cpu]'``.

    Raises:
        UsageError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError("", "", f"{error.name} is not installed; {advice}") from None


def resumable(work: Callable[[], int], kept: str = KEPT) -> int:
    """Do what goes on where it stopped when its command is given again, and say so if it stops.

    Returns:
        The exit status: that of the work, or of what stopped it.

    Raises:
        UsageError, TrainingFailed: the same command again would lead nowhere.
        BrokenPipeError: nobody reads what it prints any more.
    """
    try:
        return work()
    except KeyboardInterrupt:
        return complain(f"interrupted. {kept}", INTERRUPTED)
    except (UsageError, TrainingFailed, BrokenPipeError):
        raise
    except (VisopError, OSError) as error:
        return complain(f"not finished: {reason(error)}. {kept}", UNFINISHED)


def reason(error: VisopError | OSError) -> str:
    """What happened, for the person at the terminal: also what a remote client must not see."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(getattr(error, "detail", error))


def complain(text: object, status: int) -> int:
    """Say what is wrong; the exit status."""
    note(text)
    return status


def complain_of_inputs(text: str, reasons: Counter[str]) -> int:
    """Say that inputs failed, and below it the most common reasons; the exit status."""
    lines = (f"\n  {count} x {printable(words)}" for words, count in reasons.most_common(_REASONS))
    return complain(f"{text}{''.join(lines)}", FAILED)


def note(text: object) -> None:
    """Say something on stderr, which leaves stdout to the results. What a server says cannot control the terminal."""
    lines = map(printable, str(text).split("\n"))
    sys.stderr.write("visop: " + "\n".join(lines) + "\n")


def filled(text: str, stream: TextIO) -> str:
    """Break paragraphs, of a line each, at the width of a terminal; what goes elsewhere stays as it is."""
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    lines = (textwrap.wrap(each, width, break_long_words=False, break_on_hyphens=False) for each in text.split("\n"))
    return "\n".join("\n".join(each) for each in lines)


def tell_retries() -> None:
    """So that a run that waits for its operator to come back does not look like one that hangs."""
    logging.basicConfig(format="visop: %(message)s")
    logging.getLogger("visop.client").setLevel(logging.INFO)

"""How far long work is: a bar on a terminal, and a line now and then in a log."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, TextIO

from tqdm import tqdm

_LINE_EVERY_S = 30.0
_LINE = "{n_fmt}/{total_fmt}{unit}, {rate_fmt}, {elapsed} passed, {remaining} left{postfix}"


class _Lines(tqdm):  # type: ignore[type-arg]  # it counts, and holds no items
    """Writes lines in place of a bar that is drawn over itself."""

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """Return what tqdm shows its progress with."""

        def write(text: str) -> None:
            if text:
                file.write(f"{text}\n")
                file.flush()

        return write

    def close(self) -> None:
        """Write the last line, and not the empty one with which tqdm ends a bar."""
        if not self.disable and self.last_print_t >= self.start_t + (self.delay or 0):
            self.display()
        self.delay = math.inf  # so that tqdm takes it for a bar that was never shown
        super().close()


def progress_bar(
    total: int | None,
    *,
    unit: str = " pictures",
    initial: int = 0,
    quiet: bool = False,
    file: TextIO | None = None,
    line_every_s: float = _LINE_EVERY_S,
    **more: Any,
) -> tqdm[Any]:
    """Make a tqdm for work of this many units; ``update(count)`` tells of its progress. A context manager.

    Args:
        total: units in all; None if that is not known.
        unit: what is counted, with a blank before it.
        initial: units that were done before.
        quiet: whether nothing is to be shown.
        file: where to show it; None is stderr.
        line_every_s: seconds between two lines where ``file`` is no terminal. Work that is done sooner writes none.
        **more: further arguments of tqdm.
    """
    file = file or sys.stderr
    how: dict[str, Any] = {"total": total, "unit": unit, "initial": initial, "disable": quiet, "file": file, **more}
    if file.isatty():
        return tqdm(**how)
    # tqdm looks at the time only every few updates, but from another thread, too, after maxinterval.
    how |= {"delay": line_every_s, "mininterval": line_every_s, "maxinterval": line_every_s, "bar_format": _LINE}
    return _Lines(**how)

"""How many files and connections the process may have open."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

logger = logging.getLogger("visop")

# Enough for tens of thousands of connections. More would only make programs slow that walk over all numbers.
_ENOUGH = 65_536
# So few that the log says it.
_FEW = 8192


def max_open_files() -> int | None:
    """What ``ulimit -n`` says; None where there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_max_open_files() -> None:
    """Allow this process as many as the system lets it: shells give 1,024, which a thousand idle callers would take."""
    before = max_open_files()
    if before is None or sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if wanted > before:
        with suppress(OSError, ValueError):  # such as on macOS, which has a limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if (now := max_open_files() or wanted) < _FEW:
        logger.info("this process may open %d files, connections among them (ulimit -n)", now)

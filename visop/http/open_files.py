"""How many connections fit into the files that a process may open."""

from __future__ import annotations

import logging

from visop.serving.open_files import max_open_files

logger = logging.getLogger("visop")

# gRPC, what is fetched, the index and the processes that decode need the rest.
_SHARE = 4


def connections_within(wanted: int) -> int:
    """At most a quarter of what ``ulimit -n`` says, which is logged where it is less than what is wanted."""
    files = max_open_files()
    if files is None or files // _SHARE >= wanted:
        return wanted
    most = max(1, files // _SHARE)
    logger.warning("HTTP holds at most %d connections: this process may open %d files (ulimit -n)", most, files)
    return most

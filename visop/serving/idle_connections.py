"""End gRPC connections that are idle before they take all files that the process may open.

Each connection is an open file. When there are no more, nobody is let in: no new client, and no probe of health.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

from visop.serving.connections import connections_at, end_connections
from visop.serving.incoming import IncomingCall
from visop.serving.logs import log_event
from visop.serving.open_files import max_open_files
from visop.serving.peers import peer_of_grpc

logger = logging.getLogger("visop.request")

# Of the files, in use when connections are ended: between two checks, a caller may open some thousands a second.
_SHARE = 0.5


class IdleConnections:
    """Ends those of the peer that has the most when half of the files are taken.

    A connection is idle while no call is in hand on it. Its client opens another one when it calls again.

    Args:
        port: of the gRPC server.
        limit: on open files; None is what the system says.
    """

    def __init__(self, port: Callable[[], int], limit: int | None = None) -> None:
        limit = limit or max_open_files()
        self._port, self._most = port, None if limit is None else int(limit * _SHARE)
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def begin(self, call: IncomingCall) -> None:
        """Take note of a call."""
        with self._lock:
            self._calls[call.connection] += 1

    def end(self, call: IncomingCall) -> None:
        """Take note that it is over."""
        with self._lock:
            self._calls[call.connection] -= 1
            if not self._calls[call.connection]:
                del self._calls[call.connection]

    def check(self) -> None:
        """End what is idle if too many files are open. To be called some twenty times a second."""
        if self._most is not None and _lowest_free_number() >= self._most:
            self._end()

    def _end(self) -> None:
        files = connections_at(self._port())
        idle = defaultdict(list)
        with self._lock:
            for name, number in files.items():
                if name not in self._calls:
                    idle[peer_of_grpc(name)].append((name, number))
        peer, those = max(idle.items(), key=lambda item: len(item[1]), default=("", []))
        ended = end_connections(those)
        log_event(logger, logging.WARNING, "ended idle connections", {"peer": peer, "count": ended})


def _lowest_free_number() -> int:
    """The number that the next file gets, which is the lowest that is free: so many are open, at least."""
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        return (max_open_files() or 0) if error.errno == errno.EMFILE else 0
    os.close(number)
    return number

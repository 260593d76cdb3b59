"""How many pictures are looked up and written at once on their way into an index."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class BatchLimits:
    """The sizes of the steps in which pictures come into an index.

    Attributes:
        look_up: inputs whose contents are looked up at once.
        look_up_bytes: of the contents that may wait for that.
        write: rows per write. What is not written is encoded again after a crash.
        write_interval_s: how long the first of them may wait.
        page: pictures that a reindex goes through at once of what an earlier one made.
        settle: rows that Milvus may hold in no segment: Milvus Lite searches those row by row in Python, and a server
            inexactly.
        flat: pictures up to which the index type ``auto`` compares every vector; None: by the kind of Milvus and the
            dimension.
    """

    look_up: int = 128
    look_up_bytes: int = 64 << 20
    write: int = 256
    write_interval_s: float = 2.0
    page: int = 8000
    settle: int = 2000
    flat: int | None = None

    def is_time_to_write(self, rows: int, since: float) -> bool:
        """Whether so many rows, gathered since then on the clock of ``time.monotonic``, are to be written."""
        return rows >= self.write or time.monotonic() - since > self.write_interval_s


DEFAULT_LIMITS = BatchLimits()

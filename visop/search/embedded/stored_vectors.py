"""Read the vectors of a collection, each time in one short transaction, so that writers go on meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from visop.search.embedded.database import Database
from visop.search.embedded.memory import rows_behind
from visop.search.embedded.vector_index import Floats, Rows

_CHUNK = 10_000


class StoredVectors:
    """The vectors of a collection, as ``visop.search.embedded.index_file.Vectors``.

    Args:
        database: of the collection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def behind(self, row: int) -> Iterator[tuple[Rows, Floats]]:
        """Yield the rows behind one in order, with their vectors."""
        while True:
            with self._database.reading() as connection:
                found = rows_behind(connection, row, _CHUNK)
            if not found:
                return
            rows, blobs = zip(*found, strict=True)
            yield np.array(rows, np.int64), _joined(blobs)
            row = rows[-1]

    def of(self, rows: Rows) -> Floats:
        """Return the vectors of those of these rows that are still there."""
        sql = "SELECT vector FROM json_each(?) AS wanted CROSS JOIN vectors ON vectors.row = wanted.value"
        found: list[Floats] = []
        for start in range(0, len(rows), _CHUNK):
            with self._database.reading() as connection:
                blobs = connection.execute(sql, (json.dumps(rows[start : start + _CHUNK].tolist()),)).fetchall()
            found += [_joined([blob for (blob,) in blobs])] if blobs else []
        return np.concatenate(found) if found else np.empty((0, 0), np.float32)


def _joined(blobs: list[bytes] | tuple[bytes, ...]) -> Floats:
    return np.frombuffer(b"".join(blobs), np.float32).reshape(len(blobs), -1)

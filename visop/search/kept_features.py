"""Keep the local features of pictures that were verified, so that the next search finds them ready.

They are in one SQLite file in the cache folder, for all indexes, known by the SHA-256 of the picture's file. It may be
deleted at any time: features are then found once more, which takes 10 times as long as to match them.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from pathlib import Path

import numpy as np

from visop.matching.features import EDITION, Features
from visop.search.cache_database import CacheDatabase

_SCHEMA = """
CREATE TABLE IF NOT EXISTS features (
    id TEXT NOT NULL, edition INTEGER NOT NULL, used REAL NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id, edition)
)
"""
_BY_USE = "CREATE INDEX IF NOT EXISTS features_by_use ON features (used)"
_OLDEST = "DELETE FROM features WHERE rowid IN (SELECT rowid FROM features ORDER BY used LIMIT ?)"

#: Pictures at most: of 0.2 to 0.5 MB each.
MOST_KEPT = 2000

# Width and height of the picture, number of features, height and width of the small grey picture.
_HEADER = struct.Struct("<5I")

_BUSY_S = 2.0


class KeptFeatures:
    """A context manager; may be used from several threads, and by several processes. Never raises.

    Args:
        path: of the file.
        most: how many pictures at most; those that were put first go.
    """

    def __init__(self, path: Path, *, most: int = MOST_KEPT) -> None:
        self._most = most
        self._file = CacheDatabase(path, _prepare, busy_s=_BUSY_S, purpose="features that are kept")

    def __enter__(self) -> KeptFeatures:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def get(self, id_: str) -> Features | None:
        """Return the features of the picture with this SHA-256; None if they are not kept."""
        with self._file.using() as database:
            if database is not None:
                query = "SELECT data FROM features WHERE id = ? AND edition = ?"
                row = database.execute(query, (id_, EDITION)).fetchone()
                return _unpacked(row[0]) if row else None
        return None

    def put(self, id_: str, features: Features) -> None:
        """Keep the features of the picture with this SHA-256."""
        with self._file.using() as database:
            if database is not None:
                with database:
                    values = id_, EDITION, time.time(), _packed(features)
                    database.execute("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", values)
                    (count,) = database.execute("SELECT COUNT(*) FROM features").fetchone()
                    database.execute(_OLDEST, (max(0, count - self._most),))


def _prepare(database: sqlite3.Connection) -> None:
    database.execute(_SCHEMA)
    database.execute(_BY_USE)


def _packed(features: Features) -> bytes:
    header = _HEADER.pack(*features.size, len(features.points), *features.grey.shape)
    return header + features.points.tobytes() + features.descriptors.tobytes() + features.grey.tobytes()


def _unpacked(data: bytes) -> Features:
    """Raises ValueError for what ``_packed`` did not write."""
    if len(data) < _HEADER.size:
        raise ValueError(f"{len(data)} bytes are no features")
    width, height, count, rows, columns = _HEADER.unpack_from(data)
    points = np.frombuffer(data, np.float32, 2 * count, _HEADER.size).reshape(count, 2)
    descriptors = np.frombuffer(data, np.uint8, 128 * count, _HEADER.size + points.nbytes).reshape(count, 128)
    start = _HEADER.size + points.nbytes + descriptors.nbytes
    grey = np.frombuffer(data, np.uint8, rows * columns, start).reshape(rows, columns)
    return Features(points, descriptors, grey, (width, height))

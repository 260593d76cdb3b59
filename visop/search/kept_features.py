"""Keep the local features of pictures that were verified, so that the next search finds them ready.

They are in one SQLite file in the cache folder, for all indexes, known by the SHA-256 of the picture's file. It may be
deleted at any time: features are then found once more, which takes 10 times as long as to match them.
"""

from __future__ import annotations

import logging
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from visop.matching.features import EDITION, Features

_log = logging.getLogger(__name__)

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
        most: how many pictures at most; those that were used least recently go.
    """

    def __init__(self, path: Path, *, most: int = MOST_KEPT) -> None:
        self._most, self._lock = most, threading.Lock()
        self._database: sqlite3.Connection | None = None
        with self._safely():
            self._database = _open(path)

    def __enter__(self) -> KeptFeatures:
        return self

    def __exit__(self, *_: object) -> None:
        with self._safely():
            if self._database is not None:
                self._database.close()
        self._database = None

    def get(self, id_: str) -> Features | None:
        """Return the features of the picture with this SHA-256; None if they are not kept."""
        with self._safely():
            if self._database is not None:
                query = "SELECT data FROM features WHERE id = ? AND edition = ?"
                row = self._database.execute(query, (id_, EDITION)).fetchone()
                return _unpacked(row[0]) if row else None
        return None

    def put(self, id_: str, features: Features) -> None:
        """Keep the features of the picture with this SHA-256."""
        with self._safely():
            if self._database is not None:
                with self._database:
                    values = id_, EDITION, time.time(), _packed(features)
                    self._database.execute("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", values)
                    (count,) = self._database.execute("SELECT COUNT(*) FROM features").fetchone()
                    self._database.execute(_OLDEST, (max(0, count - self._most),))

    @contextmanager
    def _safely(self) -> Iterator[None]:
        """Log an error and go on without what is kept, rather than fail a search."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError, ValueError, struct.error) as error:
                _log.warning("without features that are kept: %s", error)
                self._database = None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            database.execute(_SCHEMA)
            database.execute(_BY_USE)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _packed(features: Features) -> bytes:
    header = _HEADER.pack(*features.size, len(features.points), *features.grey.shape)
    return header + features.points.tobytes() + features.descriptors.tobytes() + features.grey.tobytes()


def _unpacked(data: bytes) -> Features:
    """Raises ValueError or struct.error for what ``_packed`` did not write."""
    width, height, count, rows, columns = _HEADER.unpack_from(data)
    points = np.frombuffer(data, np.float32, 2 * count, _HEADER.size).reshape(count, 2)
    descriptors = np.frombuffer(data, np.uint8, 128 * count, _HEADER.size + points.nbytes).reshape(count, 128)
    start = _HEADER.size + points.nbytes + descriptors.nbytes
    grey = np.frombuffer(data, np.uint8, rows * columns, start).reshape(rows, columns)
    return Features(points, descriptors, grey, (width, height))

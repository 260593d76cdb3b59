"""Keep each picture once, and as long as an analysis is of it.

The file comes before its row and goes after it, so that a process that is killed in between leaves a file too many,
which ``sweep`` finds, and never a row without its file. Whoever adds or takes away the rows of a picture holds its lock
until the end of the transaction.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from sqlalchemy import delete, exists, select, text
from sqlalchemy.orm import Session

from visop.analyses.adding import add_missing
from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.errors import PicturesUnavailable
from visop.analyses.models import Analysis, Picture
from visop.analyses.picture_store import PictureStore
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.images.formats.media_types import media_type_of
from visop.images.thumbnail import size_of

logger = logging.getLogger("visop.analyses")

# A file younger than this may be one whose row is about to come.
_SWEEP_AGE_S = 3600.0
_SWEEP_TOGETHER = 500

# Files that are written at the same time, beside the operators' work.
_WRITERS = 16


@dataclass(frozen=True)
class KeptFile:
    """A picture whose file is kept, and whose row may not be there yet.

    Attributes:
        data: the file.
        digest: the SHA-256 of it.
        media_type: such as ``image/jpeg``.
        width: in pixels, upright; None if its header does not say.
        height: as ``width``.
    """

    data: bytes
    digest: str
    media_type: str
    width: int | None
    height: int | None

    def row(self) -> Picture:
        """A row for it."""
        facts = {"media_type": self.media_type, "width": self.width, "height": self.height}
        return Picture(digest=self.digest, size=len(self.data), **facts)


class Pictures:
    """The files and rows of pictures. May be used from several threads and processes.

    Args:
        database: with the rows.
        store: with the files.
        limits: on pictures.
    """

    def __init__(self, database: Database, store: PictureStore, limits: ImageLimits) -> None:
        self._database, self.store, self.limits = database, store, limits
        self._writers = ThreadPoolExecutor(_WRITERS, "visop-keep")

    def close(self) -> None:
        """End the threads that write. Idempotent."""
        self._writers.shutdown(wait=False)

    def check(self, data: bytes) -> None:
        """Find out whether this is a picture, as a call of an operator would.

        Raises:
            ImageDecodeError, ImageTooLarge: it is none, or too large.
        """
        decode_in_process(data, self.limits)

    def keep(self, data: bytes) -> KeptFile:
        """Write the file of a picture that was checked. Its row comes with ``add``. Raises PicturesUnavailable."""
        width, height = size_of(data)
        return KeptFile(data, self.store.keep(data), media_type_of(data), width or None, height or None)

    @contextmanager
    def keeping(self, data: bytes) -> Iterator[Future[KeptFile]]:
        """Write a file while it is found out whether it is a picture: if the block raises, it goes again.

        Yields:
            What will be kept. Raises as ``keep``.
        """
        future = self._writers.submit(self.keep, data)
        try:
            yield future
        except BaseException:
            with suppress(PicturesUnavailable):
                self.discard([future.result().digest])
            raise

    def add(self, session: Session, kept: KeptFile) -> None:
        """Add the row of a picture, unless it is there, in the transaction that adds an analysis of it.

        Raises:
            PicturesUnavailable: the file was deleted meanwhile with the last analysis of it, and cannot be written.
        """
        lock_pictures(session, [kept.digest])
        add_missing(session, kept.row())
        self.store.put(kept.digest, kept.data)

    def release(self, session: Session, digests: Collection[str]) -> list[str]:
        """Delete the rows of pictures that no analysis is of any more, in the transaction that took the last away.

        Returns:
            Those whose files are to be deleted with ``discard`` after the transaction.
        """
        lock_pictures(session, digests)
        used = exists().where(Analysis.digest == Picture.digest)
        unused = delete(Picture).where(Picture.digest.in_(digests), ~used).returning(Picture.digest)
        return list(session.scalars(unused)) if digests else []

    def discard(self, digests: Iterable[str]) -> None:
        """Delete files without a row, one after the other. What cannot be deleted now ``sweep`` deletes later."""
        for digest in digests:
            try:
                with self._database.session() as session:
                    lock_pictures(session, [digest])
                    if session.get(Picture, digest) is None:  # else it came back meanwhile
                        self.store.delete(digest)
            except PicturesUnavailable as error:
                logger.warning("the file %s stays for now: %s", digest[:12], error)

    def sweep(self) -> int:
        """Delete what processes left that were killed: pictures that had no analysis or no row for an hour.

        Returns:
            How many.

        Raises:
            DatabaseUnavailable, PicturesUnavailable: it cannot be done now.
        """
        return self._sweep_rows() + self._sweep_files()

    def _sweep_rows(self) -> int:
        unused = ~exists().where(Analysis.digest == Picture.digest)
        old = select(Picture.digest).where(unused, Picture.created < now() - timedelta(seconds=_SWEEP_AGE_S))
        with self._database.session() as session:
            left = self.release(session, session.scalars(old.limit(_SWEEP_TOGETHER)).all())
        self.discard(left)
        return len(left)

    def _sweep_files(self) -> int:
        old = (digest for digest, written in self.store.digests() if written < time.time() - _SWEEP_AGE_S)
        count = 0
        while some := list(islice(old, _SWEEP_TOGETHER)):
            with self._database.reading() as session:
                known = set(session.scalars(select(Picture.digest).where(Picture.digest.in_(some))))
            left = [digest for digest in some if digest not in known]
            self.discard(left)
            count += len(left)
        return count


def lock_pictures(session: Session, digests: Collection[str]) -> None:
    """Keep others from adding or taking away rows of these pictures until the transaction ends.

    SQLite has one writer anyway.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    for key in sorted(map(_key, digests)):  # in one order, so that two transactions never wait for each other
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _key(digest: str) -> int:
    return int.from_bytes(hashlib.sha256(digest.encode()).digest()[:8], signed=True)

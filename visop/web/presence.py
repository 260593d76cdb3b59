"""Which pictures of an answer are gone, asked of the file system for no longer than an answer can wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong

from visop.search.milvus.schema import Picture
from visop.search.presence import is_gone

logger = logging.getLogger("visop.web")

_THREADS = 4


class PresenceCheck:
    """A context manager; may be used from several threads.

    A network drive whose server is away lets no call return. Searches are answered all the same: their pictures are
    taken to be there, and for a while nothing is asked.

    Args:
        limit_s: how long the pictures of one answer may take together.
        rest_s: how long nothing is asked after that was not enough.
        is_gone: the check of one picture.
    """

    def __init__(
        self, limit_s: float = 0.5, rest_s: float = 30.0, is_gone: Callable[[Picture], bool] = is_gone
    ) -> None:
        self._limit_s, self._rest_s, self._is_gone = limit_s, rest_s, is_gone
        self._threads = ThreadPoolExecutor(_THREADS, "visop-presence")
        self._rests_until = 0.0

    def __enter__(self) -> PresenceCheck:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def gone(self, pictures: Sequence[Picture]) -> frozenset[str]:
        """The ids of those whose files are gone."""
        if time.monotonic() < self._rests_until:
            return frozenset()
        asked = self._threads.submit(self._gone, pictures)
        try:
            return asked.result(self._limit_s)
        except TookTooLong:
            asked.cancel()
            self._rests_until = time.monotonic() + self._rest_s
            logger.warning("the files of pictures do not answer; which are gone is not told for %g s", self._rest_s)
            return frozenset()

    def _gone(self, pictures: Sequence[Picture]) -> frozenset[str]:
        return frozenset(picture.id for picture in pictures if self._is_gone(picture))

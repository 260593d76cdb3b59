"""Ask the files of the pictures of an answer something, for no longer than the answer can wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from typing import Self

from visop.search.presence import is_gone
from visop.search.schema import Picture

logger = logging.getLogger("visop.web")

_THREADS = 4


class FileCheck:
    """A context manager; may be used from several threads.

    A network drive whose server is away lets no call return. Searches are answered all the same, as if it were true of
    none of their pictures, and for a while nothing is asked.

    Args:
        ids_of: the check: the ids of those pictures of which it is true.
        told: what is not told meanwhile, for the log.
        limit_s: how long the pictures of one answer may take together.
        rest_s: how long nothing is asked after that was not enough.
    """

    def __init__(
        self, ids_of: Callable[[Sequence[Picture]], frozenset[str]], told: str, limit_s: float, rest_s: float = 30.0
    ) -> None:
        self._ids_of, self._told, self._limit_s, self._rest_s = ids_of, told, limit_s, rest_s
        self._threads = ThreadPoolExecutor(_THREADS, "visop-files")
        self._rests_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ids(self, pictures: Sequence[Picture]) -> frozenset[str]:
        """The ids of those of which it is true."""
        if not pictures or time.monotonic() < self._rests_until:
            return frozenset()
        asked = self._threads.submit(self._ids_of, pictures)
        try:
            return asked.result(self._limit_s)
        except TookTooLong:
            asked.cancel()
            self._rests_until = time.monotonic() + self._rest_s
            logger.warning("the files of pictures do not answer; %s is not told for %g s", self._told, self._rest_s)
            return frozenset()


class PresenceCheck(FileCheck):
    """Which pictures are gone. Arguments are those of ``FileCheck``; ``is_gone`` is the check of one picture."""

    def __init__(
        self, limit_s: float = 0.5, rest_s: float = 30.0, is_gone: Callable[[Picture], bool] = is_gone
    ) -> None:
        def ids_of(pictures: Sequence[Picture]) -> frozenset[str]:
            return frozenset(picture.id for picture in pictures if is_gone(picture))

        super().__init__(ids_of, "which are gone", limit_s, rest_s)

    def gone(self, pictures: Sequence[Picture]) -> frozenset[str]:
        """The ids of those whose files are gone."""
        return self.ids(pictures)

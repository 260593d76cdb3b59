"""The files of pictures that are not on this machine, fetched again: a few at a time, and not soon after a failure."""

from __future__ import annotations

import hashlib
import io
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from visop.errors import Overloaded, VisopError
from visop.images.fetching.fetch import Fetcher
from visop.settings import Settings

logger = logging.getLogger("visop.web")

# How many may be fetched or waiting to be sent at the same time. Each may be as large as a picture may be, and hold a
# thread for as long as a fetch may take. Browsers ask for six at a time.
_PLACES = 16

# How many URLs of one picture are tried.
_MOST_URLS = 8

# How long a picture that could not be fetched is left alone, if its server does not ask for more (Retry-After), and how
# many such pictures are remembered.
_REST_S = 60.0
_MOST_AT_REST = 10_000


class WebFiles:
    """Fetches pictures. May be used from several threads.

    Args:
        settings: say what may be fetched, and how long a fetch may take; here, all URLs of a picture share that time.
        clock: seconds, monotonic.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetcher, self._may_fetch, self._limit_s = Fetcher.of(settings), settings.fetch, settings.fetch_timeout_s
        self._clock = clock
        self._places = threading.BoundedSemaphore(_PLACES)
        self._lock = threading.Lock()
        # The id of a picture -> until when it is left alone; the oldest first.
        self._resting: dict[str, float] = {}

    def close(self) -> None:
        """Close the idle connections."""
        self._fetcher.close()

    def open(self, id_: str, urls: Sequence[str], read_kept: Callable[[], bytes] | None = None) -> io.BytesIO | None:
        """The file with this SHA-256, or None if no URL leads to it. It counts as open until it is closed.

        Args:
            id_: the SHA-256, hexadecimal.
            urls: where it was.
            read_kept: reads the copy that the index keeps, if it keeps one; raises VisopError if that fails.

        Raises:
            Overloaded: too many are open.
        """
        urls = urls[:_MOST_URLS] if self._may_fetch else []
        if not (urls or read_kept) or self._rests(id_):
            return None
        if not self._places.acquire(blocking=False):
            raise Overloaded(f"{_PLACES} pictures are being fetched from the web, and no more are fetched at once")
        data = None
        try:
            data = (_copy(read_kept) if read_kept else None) or self._fetch(id_, urls)
        finally:
            if data is None:
                self._places.release()
        return None if data is None else _Held(data, self._places.release)

    def _fetch(self, id_: str, urls: Sequence[str]) -> bytes | None:
        ends, rest_s = time.monotonic() + self._limit_s, _REST_S
        for index, url in enumerate(urls):
            try:
                # A URL that does not answer leaves time for the next.
                data = self._fetcher.fetch(url, (ends - time.monotonic()) / (len(urls) - index))
            except VisopError as error:
                rest_s = max(rest_s, error.retry_after_s or 0.0)
                continue
            if hashlib.sha256(data).hexdigest() == id_:
                return data
        self._let_rest(id_, rest_s)
        return None

    def _rests(self, id_: str) -> bool:
        with self._lock:
            return self._clock() < self._resting.get(id_, -math.inf)

    def _let_rest(self, id_: str, rest_s: float) -> None:
        with self._lock:
            self._resting.pop(id_, None)
            self._resting[id_] = self._clock() + rest_s
            if len(self._resting) > _MOST_AT_REST:
                del self._resting[next(iter(self._resting))]


def _copy(read_kept: Callable[[], bytes]) -> bytes | None:
    try:
        return read_kept()
    except VisopError as error:
        logger.warning("a kept original cannot be read: %s", error)
        return None


class _Held(io.BytesIO):
    """A file in memory that calls back when it is closed or garbage-collected."""

    def __init__(self, data: bytes, on_close: Callable[[], object]) -> None:
        super().__init__(data)
        self._on_close = on_close

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._on_close()

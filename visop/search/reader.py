"""Identify the contents of files and URLs by their SHA-256, reading them no more often than needed."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from visop.client.remote_waits import with_patience
from visop.errors import InvalidInput, UrlRejected, VisopError
from visop.images.fetching.fetch import Fetcher
from visop.search.digests import URL_STATE, Digests, FileState
from visop.search.schema import MAX_NAME_BYTES
from visop.settings import Settings
from visop.sources import is_url, path_of, read_input, stored_name


@dataclass(frozen=True)
class Content:
    """An input whose content is known.

    Attributes:
        name: as the index keeps it: an absolute path, or a URL.
        id: SHA-256 of the content, hexadecimal.
        modified: seconds since 1970.
        data: the content; empty if it is known without having been read.
        is_reported: whether the input was reported as done already, when it looked like a copy of another.
    """

    name: str
    id: str
    modified: int
    data: bytes
    is_reported: bool = False


class Reader:
    """Reads inputs; may be used from several threads. A context manager.

    Args:
        settings: what may be fetched, and how long it may take.
        digests: the memory of files that did not change.
        max_bytes: of one file.
        reread: read and fetch everything, whatever is remembered.
    """

    def __init__(self, settings: Settings, digests: Digests, max_bytes: int, *, reread: bool = False) -> None:
        self._fetcher, self._may_fetch = Fetcher.of(settings), settings.fetch
        self._digests, self._max_bytes, self._reread = digests, max_bytes, reread

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fetcher.close()

    def identify(self, name: str) -> Content | VisopError:
        """Identify the content of an input, a path or a URL, without reading it if it is known."""
        return self._identify(name, anew=self._reread)

    def read_again(self, name: str) -> Content | VisopError:
        """Read what is now under a name of the index (``Content.name``)."""
        return self._identify(path_of(name) or name, anew=True)

    def _identify(self, name: str, anew: bool) -> Content | VisopError:
        try:
            return self._identify_url(name, anew) if is_url(name) else self._identify_file(name, anew)
        except VisopError as error:
            return error

    def _identify_file(self, name: str, anew: bool) -> Content:
        if "://" in name and not os.path.lexists(name):
            raise UrlRejected("only http and https addresses are fetched; give s3:// objects as (presigned) https ones")
        path = os.path.abspath(name)
        _check_name(path)
        facts = _stat(path)
        digest = None if anew or facts is None else self._digests.get(path, FileState.of(facts))
        data = b""
        if digest is None:
            data = read_bytes(path, self._max_bytes)
            digest = hashlib.sha256(data).hexdigest()
            if facts is not None and len(data) == facts.st_size:
                self._digests.put(path, FileState.of(facts), digest)
        return Content(stored_name(path), digest, facts.st_mtime_ns // 10**9 if facts else 0, data)

    def _fetch(self, url: str) -> bytes:
        """Fetch a URL; again, if its server is busy and says when to come back."""
        (data,) = with_patience([url], lambda urls: [self._try_to_fetch(each) for each in urls])
        if isinstance(data, VisopError):
            raise data
        return data

    def _try_to_fetch(self, url: str) -> bytes | VisopError:
        try:
            return self._fetcher.fetch(url)
        except VisopError as error:
            return error

    def _identify_url(self, url: str, anew: bool) -> Content:
        """Identify a URL. A known one is taken to show what it showed before: to find out would be to fetch it."""
        if not self._may_fetch:
            raise UrlRejected("URLs are not fetched here: OP_FETCH is off")
        _check_name(url)
        digest = None if anew else self._digests.get(url, URL_STATE)
        data = b""
        if digest is None:
            data = self._fetch(url)
            digest = hashlib.sha256(data).hexdigest()
            self._digests.put(url, URL_STATE, digest)
        return Content(url, digest, int(time.time()), data)


def read_bytes(name: str, max_bytes: int) -> bytes:
    """Return the bytes of a file. Raises VisopError if it cannot be read or is too large."""
    data = read_input(name, max_bytes)
    if isinstance(data, VisopError):
        raise data
    if isinstance(data, str):
        raise InvalidInput("not a file")
    return data


def _check_name(name: str) -> None:
    if len(stored_name(name).encode()) > MAX_NAME_BYTES:
        raise InvalidInput(f"a name of more than {MAX_NAME_BYTES} bytes")


def _stat(path: str) -> os.stat_result | None:
    """Return None if the file cannot be examined; reading it will say why."""
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None

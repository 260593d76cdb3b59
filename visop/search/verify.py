"""Prove by local features which of the pictures that a search found are copies of the one that was searched with."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from visop.errors import NotFound, UrlRejected, UsageError, VisopError
from visop.images.decode import ImageLimits
from visop.images.fetching.fetch import Fetcher
from visop.machine import usable_cores
from visop.matching.features import Features
from visop.matching.files import features_of_file
from visop.matching.proof import prove
from visop.search.kept_features import KeptFeatures
from visop.search.match import Match, Matches
from visop.search.schema import Picture
from visop.search.show.files import first_readable
from visop.settings import Settings
from visop.sources import is_url

#: How many of the nearest pictures are verified where nothing else is asked for, and at most.
CANDIDATES, MOST_CANDIDATES = 10, 100

#: Seconds after which no further candidate is begun.
PATIENCE_S = 10.0


def checked_candidates(verify: bool | int) -> int:
    """How many candidates are verified, 0 for none. Raises UsageError for too many."""
    candidates = CANDIDATES if verify is True else int(verify)
    if not 0 <= candidates <= MOST_CANDIDATES:
        raise UsageError("verify", verify, f"must be at most {MOST_CANDIDATES} pictures")
    return candidates


class Verification:
    """Finds features, keeps those of pictures of the index, and matches them. May be used from several threads.

    Args:
        settings: what a file may have, and what may be fetched.
        file: where features are kept.
        patience_s: after so many seconds no further candidate is begun.
    """

    def __init__(self, settings: Settings, file: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._settings, self._file, self._patience_s = settings, file, patience_s
        self._opening = threading.Lock()
        self._kept: KeptFeatures | None = None

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._opening:
            if self._kept is not None:
                self._kept.close()
            self._kept = None

    def verified(self, query: bytes, found: Matches, candidates: int, size: tuple[int, int] | None = None) -> Matches:
        """Verify the nearest, and put what is proven first.

        What is proven is a copy, whatever the vectors say. What is not keeps the verdict of the vectors.

        Args:
            query: the file that was searched with, or the part of it.
            found: what the vectors found.
            candidates: how many of the nearest are verified.
            size: (width, height) of what was searched with, if the file has less.

        Raises:
            VisopError: the file cannot be decoded here, or OpenCV is not installed.
        """
        if found.nearly_empty or not found:
            return found
        until = time.monotonic() + self._patience_s
        picture = self._features(query, size)
        nearest, rest = found[:candidates], found[candidates:]
        with ThreadPoolExecutor(min(usable_cores(), len(nearest)), "visop-verify") as threads:
            judged = list(threads.map(lambda match: self._judged(picture, match, until), nearest))
        judged.sort(key=lambda match: not match.is_proven)
        return found.replaced([*judged, *rest])

    def _judged(self, query: Features, match: Match, until: float) -> Match:
        if match.nearly_empty:
            return match
        if time.monotonic() >= until:
            return replace(match, unverified=f"not within {self._patience_s:g} s")
        try:
            proof = prove(query, self._features_of(match.picture))
        except VisopError as error:
            return replace(match, unverified=str(error))
        return replace(match, proof=proof, is_copy=True if proof.is_copy else match.is_copy)

    def _features_of(self, picture: Picture) -> Features:
        """Those that are kept, or found in the first of its files that can be read and still has the picture."""
        if (known := self._store().get(picture.id)) is not None:
            return known
        features = self._features(self._read(picture))
        self._store().put(picture.id, features)
        return features

    def _features(self, data: bytes, size: tuple[int, int] | None = None) -> Features:
        settings = self._settings
        return features_of_file(data, ImageLimits.of(settings), timeout_s=settings.decode_timeout_s, size=size)

    def _read(self, picture: Picture) -> bytes:
        """The file of a picture, here or where a copy is kept; else what its addresses have."""
        if data := first_readable(picture, self._settings, lambda data, _: data, b""):
            return data
        for url in filter(is_url, picture.names):
            with suppress(VisopError):
                data = self._fetched(url)
                if hashlib.sha256(data).hexdigest() == picture.id:  # else it is another picture by now
                    return data
        raise NotFound("no file of it can be read")

    def _fetched(self, url: str) -> bytes:
        if not self._settings.fetch:
            raise UrlRejected("URLs are not fetched here: OP_FETCH is off")
        with Fetcher.of(self._settings) as fetcher:
            return fetcher.fetch(url)

    def _store(self) -> KeptFeatures:
        with self._opening:
            if self._kept is None:
                self._kept = KeptFeatures(self._file)
            return self._kept

"""Which pictures of an index have nearly nothing on them: an index does not say, so that their files are read."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from visop.errors import VisopError
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.images.emptiness import is_nearly_empty, marked_share
from visop.images.fetching.fetch import Fetcher
from visop.machine import usable_cores
from visop.search.match import Matches
from visop.search.schema import Picture
from visop.search.show.files import first_readable
from visop.settings import Settings

# Enough to measure, and the least that a JPEG is decoded to: a twelfth of the time of all pixels.
_DECODE_SIDE = 128

_LOOKED_AT = 100

# Remembered by id; what is not any more is measured again.
_REMEMBERED = 100_000


class Emptiness:
    """Measures ``marked_share`` of pictures, and remembers it. May be used from several threads.

    Args:
        settings: what a file may have, in bytes and pixels.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, float] = {}

    def of_file(self, data: bytes) -> float | None:
        """The share of the picture in a file; None if it cannot be decoded here, as what only its encoder reads."""
        try:
            return _measured(data, ImageLimits.of(self._settings))
        except VisopError:
            return None

    def of_url(self, url: str) -> float | None:
        """As ``of_file``, of what is fetched; None if it cannot be fetched from here."""
        try:
            with Fetcher.of(self._settings) as fetcher:
                return self.of_file(fetcher.fetch(url))
        except VisopError:
            return None

    def of(self, picture: Picture) -> float | None:
        """The share of a picture of an index; None if no file of it can be read. Nothing is fetched."""
        if (known := self._known.get(picture.id)) is not None:
            return known
        marked = first_readable(picture, self._settings, _measured, None)
        if marked is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[picture.id] = marked
        return marked

    def known(self, picture: Picture) -> float | None:
        """As ``of``, if it was measured before; reads no file."""
        return self._known.get(picture.id)

    def of_all(self, pictures: Sequence[Picture]) -> list[float | None]:
        """As ``of``, several at a time."""
        if len(pictures) < 2:
            return [self.of(picture) for picture in pictures]
        with ThreadPoolExecutor(usable_cores(), "visop-emptiness") as threads:
            return list(threads.map(self.of, pictures))

    def empty_ones(self, pictures: Sequence[Picture]) -> frozenset[str]:
        """The ids of those that are nearly empty; of what cannot be read, none is."""
        pairs = zip(pictures, self.of_all(pictures), strict=True)
        return frozenset(picture.id for picture, marked in pairs if marked is not None and is_nearly_empty(marked))

    def judged(self, matches: Matches) -> Matches:
        """Take back the verdicts where there is nothing to compare.

        Of what is called a copy, the nearest ``_LOOKED_AT`` are looked at: that is a few, unless all look alike.
        """
        copies = [] if matches.nearly_empty else [match.picture for match in matches if match.is_copy]
        return matches.without_verdicts(self.empty_ones(copies[:_LOOKED_AT]))


def _measured(data: bytes, limits: ImageLimits) -> float | None:
    return marked_share(decode_in_process(data, limits, _DECODE_SIDE))

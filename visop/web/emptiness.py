"""Which pictures of an answer have nearly nothing on them, so that there is no verdict on them."""

from __future__ import annotations

from visop.search.emptiness import Emptiness
from visop.search.match import Matches
from visop.search.schema import Picture
from visop.settings import Settings
from visop.web.presence import FileCheck

# What was measured is remembered, so that a search that took too long for it is a step for the next one.
_LIMIT_S = 2.0

# Of what is called a copy, the nearest ones: as many as the page shows at first.
_LOOKED_AT = 24


class EmptinessCheck(FileCheck):
    """Arguments are those of ``FileCheck``."""

    def __init__(self, settings: Settings, limit_s: float = _LIMIT_S, rest_s: float = 30.0) -> None:
        self._emptiness = Emptiness(settings)
        super().__init__(self._emptiness.empty_ones, "which are nearly empty", limit_s, rest_s)

    def judged(self, matches: Matches, query: Picture | None = None) -> Matches:
        """Take back the verdicts where there is nothing to compare.

        Args:
            matches: with what is known of the picture that was searched with.
            query: that picture, if it is one of the index, of which nothing is known yet.
        """
        copies = [] if matches.nearly_empty else [match.picture for match in matches if match.is_copy]
        empty = self.ids([*filter(None, [query]), *copies[:_LOOKED_AT]])
        if query is not None:
            matches.marked = self._emptiness.known(query)
        return matches.without_verdicts(empty)

"""What it takes to analyse pictures and keep the results: the same for a service and a worker."""

from __future__ import annotations

from dataclasses import dataclass

from visop.analyses.database import Database
from visop.analyses.operators import Operators, RunsOperator
from visop.analyses.pictures import Pictures
from visop.errors import UrlRejected, UsageError
from visop.images.fetching.fetch import Fetcher
from visop.images.fetching.web_url import host_of
from visop.settings import Settings
from visop.tracing.current import current, stage
from visop.tracing.spans import NONE


@dataclass(frozen=True)
class Context:
    """Everything that is shared. May be used from several threads.

    Attributes:
        database: of the records.
        pictures: of the records.
        operators: that this process can call, by name.
        fetcher: of pictures that are URLs.
        settings: limits.
    """

    database: Database
    pictures: Pictures
    operators: Operators
    fetcher: Fetcher
    settings: Settings

    def named(self, names: list[str]) -> list[RunsOperator]:
        """Return the operators of these names, in this order.

        Raises:
            UsageError: one is not here.
        """
        for name in names:
            if name not in self.operators:
                there = ", ".join(self.operators) or "none"
                raise UsageError("operators", name[:100], f"there is no operator of this name; there are: {there}")
        return [self.operators[name] for name in names]

    def fetch(self, url: str, timeout_s: float) -> bytes:
        """Return what a URL leads to. Raises as ``Fetcher.fetch``."""
        if not self.settings.fetch:
            raise UrlRejected("this service does not fetch URLs")
        with stage("fetch", {"server.address": host_of(url)} if current() else NONE):
            return self.fetcher.fetch(url, timeout_s)

    def close(self) -> None:
        """Close everything."""
        self.operators.close()
        self.fetcher.close()
        self.database.close()

"""Fetch from the web politely: obey robots.txt and the rate limit, also at every redirect."""

from __future__ import annotations

from collections.abc import Callable

from visop.collect import robots
from visop.collect.busy import HostBusy, wait_s
from visop.collect.pace import Pace
from visop.collect.urls import absolute, host, is_web, origin
from visop.errors import FetchFailed, UrlRejected
from visop.images.fetching.fetch import Answer, Fetcher


class Crawler:
    """Fetches one thing at a time.

    Args:
        fetcher: checks every address that is asked.
        pace: limits the rate; requests for robots.txt count.
        max_redirects: that are followed for one URL.
        on_wait: told the host and the seconds, before a host that asks for it is waited for.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        pace: Pace,
        max_redirects: int,
        on_wait: Callable[[str, float], object] = lambda host, seconds: None,
    ) -> None:
        self._fetcher, self._pace, self._max_redirects, self._on_wait = fetcher, pace, max_redirects, on_wait
        self._rules: dict[str, robots.Rules] = {}
        self._busy: dict[str, HostBusy] = {}

    def get(self, url: str, *, max_bytes: int, accept: str) -> Answer:
        """Fetch a URL.

        Args:
            url: http or https, absolute.
            max_bytes: where the body is cut off.
            accept: media types, as the HTTP header has them.

        Raises:
            Disallowed: robots.txt of a host on the way does not allow it.
            UrlRejected: the form, scheme or address of a URL on the way is not allowed.
            FetchFailed: an error status, too many redirects, a damaged body.
            FetchUnavailable: no answer in time, or none about robots.txt.
            HostBusy: a host on the way wants to be left alone, now or at an earlier request of this run.
        """
        for _ in range(self._max_redirects + 1):
            answer = self._hop(url, max_bytes, accept)
            if answer.redirect is None:
                return _checked(answer)
            url = absolute(answer.redirect, url)
        raise FetchFailed(f"the remote server redirects more than {self._max_redirects} times")

    def _hop(self, url: str, max_bytes: int, accept: str) -> Answer:
        if not is_web(url):
            raise UrlRejected("not a URL of http or https")
        place = origin(url)
        if place not in self._rules:
            self._rules[place] = robots.read_rules(url, lambda at: self._ask(at, 0.0, robots.MAX_BYTES, "text/plain"))
        rules = self._rules[place]
        rules.check(url)
        return self._ask(url, rules.delay_s, max_bytes, accept)

    def _ask(self, url: str, delay_s: float, max_bytes: int, accept: str) -> Answer:
        """Send one request; again after the wait that the host asks for."""
        name = host(url)
        if name in self._busy:
            raise self._busy[name]
        tries = 0
        while True:
            self._pace.wait(name, delay_s)
            answer = self._fetcher.ask(url, max_bytes=max_bytes, accept=accept)
            tries += 1
            if (seconds := self._wait_s(answer, tries, name)) is None:
                return answer
            self._on_wait(name, seconds)
            self._pace.hold(name, seconds)

    def _wait_s(self, answer: Answer, tries: int, name: str) -> float | None:
        """As ``busy.wait_s``; a host that is too busy is remembered."""
        try:
            return wait_s(answer, tries, name)
        except HostBusy as error:
            self._busy[name] = error
            raise


def _checked(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise FetchFailed(f"the remote server answered with status {answer.status}")
    if not answer.body:
        raise FetchFailed("the remote server answered with an empty body")
    return answer

"""Fetch from the web politely: obey robots.txt and the rate limit, also at every redirect."""

from __future__ import annotations

from visop.collect import robots
from visop.collect.pace import Pace
from visop.collect.urls import absolute, host, is_web, origin
from visop.errors import FetchFailed, UrlRejected
from visop.images.fetch import Answer, Fetcher


class Crawler:
    """Fetches one thing at a time.

    Args:
        fetcher: checks every address that is asked.
        pace: limits the rate; requests for robots.txt count.
        max_redirects: that are followed for one URL.
    """

    def __init__(self, fetcher: Fetcher, pace: Pace, max_redirects: int) -> None:
        self._fetcher, self._pace, self._max_redirects = fetcher, pace, max_redirects
        self._rules: dict[str, robots.Rules] = {}

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
        self._pace.wait(host(url), delay_s)
        return self._fetcher.ask(url, max_bytes=max_bytes, accept=accept)


def _checked(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise FetchFailed(f"the remote server answered with status {answer.status}")
    if not answer.body:
        raise FetchFailed("the remote server answered with an empty body")
    return answer

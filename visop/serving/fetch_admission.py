"""How much of what is served at once may be URLs, so that servers that hang hold up nothing that was sent whole."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from visop.errors import Overloaded
from visop.serving.admission import draining
from visop.serving.fair_pool import FairPool
from visop.serving.peers import Shares, most_of_bulk

# One remote host leaves this part of what URLs may have to others: one quarter. It is more than what a peer leaves, so
# that another host can be fetched from for the peer whose URLs hang.
_LEFT_BY_HOST = 4


def fetch_pool(threads: int, *, one_peer: bool) -> FairPool:
    """Make threads that fetch. Neither one peer nor one remote host gets all, unless there is only one peer."""
    if one_peer:
        return FairPool(threads, "visop-fetch")
    of_peer, at_host = threads - max(1, threads // 8), threads - max(2, threads // _LEFT_BY_HOST)
    most = {"most_per_peer": max(1, of_peer), "most_per_host": max(1, at_host)}
    return FairPool(threads, "visop-fetch", **most, most_bulk=most_of_bulk(of_peer))


class FetchAdmission:
    """Counts the URLs being served, and the calls that have some: each may be half of all, by peer and by remote host.

    Args:
        max_inputs: inputs that may be served at once.
        max_calls: calls that may be served at once.
    """

    def __init__(self, max_inputs: int, max_calls: int) -> None:
        urls, calls = max(1, max_inputs // 2), max(1, max_calls // 2)
        self._all = (_Room(urls, "URLs"), _Room(calls, "calls with URLs"))
        self._bulk = (
            _Room(most_of_bulk(urls), "URLs of bulk work"),
            _Room(most_of_bulk(calls), "bulk calls with URLs"),
        )
        self._changed = threading.Condition()

    def enter(
        self,
        hosts: Iterable[str],
        timeout_s: float = 0.0,
        peer: str = "",
        is_wanted: Callable[[], bool] = lambda: True,
        *,
        bulk: bool = False,
    ) -> UrlsOfCall:
        """Admit the URLs of one call, all or none, waiting up to ``timeout_s`` for room.

        Args:
            hosts: of each URL.
            timeout_s: seconds.
            peer: from where they came.
            is_wanted: whether they still are; asked at once, when room is made, and after ``end_waits``.
            bulk: whether they leave room to others, for whom somebody waits.

        Returns:
            What is to be told when each of them has its result.

        Raises:
            Overloaded: there was no room in time.
            ShuttingDown: they are not wanted any more.
        """
        urls = UrlsOfCall(self, peer, Counter(hosts), bulk=bulk)
        if urls.by_host:
            with self._changed:
                self._changed.wait_for(lambda: self._refusal(urls) is None or not is_wanted(), timeout_s)
                if not is_wanted():
                    raise draining()
                if refusal := self._refusal(urls):
                    raise Overloaded(refusal, limit="urls")
                for of_urls, of_calls in self._rooms(urls):
                    of_urls.change(peer, urls.by_host, urls.by_host.total())
                    of_calls.change(peer, dict.fromkeys(urls.by_host, 1), 1)
        return urls

    def end_waits(self) -> None:
        """Refuse what waits for room and is not wanted any more."""
        with self._changed:
            self._changed.notify_all()

    def leave(self, urls: UrlsOfCall, host: str) -> None:
        """Take note that one URL of a call has its result, or its error."""
        with self._changed:
            urls.left -= 1
            for of_urls, of_calls in self._rooms(urls):
                of_urls.change(urls.peer, {host: -1}, -1)
                if not urls.left:
                    of_calls.change(urls.peer, dict.fromkeys(urls.by_host, -1), -1)
            self._changed.notify_all()

    def _rooms(self, urls: UrlsOfCall) -> list[tuple[_Room, _Room]]:
        """Where the URLs of a call have to fit in, and the call."""
        return [self._all, self._bulk] if urls.bulk else [self._all]

    def _refusal(self, urls: UrlsOfCall) -> str | None:
        hosts = dict.fromkeys(urls.by_host, 1)
        refusals = (
            of_urls.refusal(urls.peer, urls.by_host, urls.left) or of_calls.refusal(urls.peer, hosts, 1)
            for of_urls, of_calls in self._rooms(urls)
        )
        return next(filter(None, refusals), None)


class UrlsOfCall:
    """The URLs of one call: how many at each remote host, and how many have no result yet."""

    def __init__(self, admission: FetchAdmission, peer: str, by_host: Counter[str], *, bulk: bool) -> None:
        self.peer, self.by_host, self.left, self.bulk = peer, by_host, by_host.total(), bulk
        self._admission = admission

    def leave(self, host: str) -> None:
        """Take note that one of them has its result, or its error."""
        self._admission.leave(self, host)

    def leave_all(self) -> None:
        """Take note that none of them is served after all."""
        for host in self.by_host.elements():
            self.leave(host)


class _Room:
    """How many there are of something, altogether, by peer and by remote host. Who holds nothing is let in."""

    def __init__(self, capacity: int, name: str) -> None:
        self._capacity, self._name, self._inside = capacity, name, 0
        self._peers, self._hosts = Shares(self._capacity), Shares(self._capacity, _LEFT_BY_HOST)

    def refusal(self, peer: str, by_host: Mapping[str, int], count: int) -> str | None:
        """Why there is no room for so many more; None if there is."""
        if self._inside and self._inside + count > self._capacity:
            return f"{self._inside} {self._name} are being served, the limit is {self._capacity}"
        if not self._peers.has_room(peer, count):
            return f"{self._inside} {self._name} are being served, nearly all from one address"
        if not all(self._hosts.has_room(host, number) for host, number in by_host.items()):
            return f"{self._inside} {self._name} are being served, nearly all of one remote host"
        return None

    def change(self, peer: str, by_host: Mapping[str, int], count: int) -> None:
        """Take note of so many more, or fewer."""
        self._inside += count
        self._peers.add(peer, count)
        for host, number in by_host.items():
            self._hosts.add(host, number)

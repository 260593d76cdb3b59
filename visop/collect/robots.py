"""robots.txt, by RFC 9309. Protego reads the file; what the standard says around it is here.

Not ``urllib.robotparser``: before 2026 it took the first rule that matches and not the longest, and knew no wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from protego import Protego

from visop.collect.busy import HostBusy
from visop.collect.urls import absolute, is_web, origin
from visop.errors import FetchUnavailable, UrlRejected, VisopError
from visop.images.fetching.fetch import Answer

#: The name that we look for in robots.txt, and that the fetcher sends as its user agent.
AGENT = "visop"

#: How much of a file is read. RFC 9309, 2.5: at least 500 KiB.
MAX_BYTES = 512 * 1024

# RFC 9309, 2.3.1.2: at least five.
_MAX_REDIRECTS = 5

# A host that wants more time than this between two requests is left alone.
_MAX_DELAY_S = 60.0

_TOO_MANY_REQUESTS = 429

# RFC 9309, 2.2.1: a crawler is known by its name alone; Protego would look for "visop/1.0".
_VERSION = re.compile(r"(user-agent[ \t]*:[ \t]*[a-z_-]+)[ \t]*/[^\r\n]*", re.IGNORECASE)


class Disallowed(VisopError):
    """robots.txt does not allow it. Obeying is no failure."""


@dataclass(frozen=True)
class Rules:
    """What a host allows us.

    Attributes:
        delay_s: the time that it wants between two requests, in seconds; 0 if it does not say.
    """

    delay_s: float = 0.0
    _parsed: Protego | None = None
    _refusal: Callable[[], VisopError] | None = None

    def check(self, url: str) -> None:
        """Say whether a URL of this host may be fetched.

        Raises:
            Disallowed: it may not.
            FetchUnavailable: nobody can say, so it may not.
            UrlRejected: the host is one that is never contacted.
        """
        if self._refusal is not None:
            raise self._refusal()
        if self._parsed is not None and not self._parsed.can_fetch(url, AGENT):
            raise Disallowed("robots.txt does not allow it")


def read_rules(url: str, ask: Callable[[str], Answer]) -> Rules:
    """Fetch and read the robots.txt that holds for a URL.

    Without the file everything is allowed (a status 4xx); if nobody can say what is in it, nothing (5xx, no answer, too
    many redirects).

    Args:
        url: http or https.
        ask: sends one request; may wait for a host that is busy. If it hands on a 429, that is no answer either.

    Raises:
        HostBusy: what ``ask`` raises of a host that stays busy: nothing is known of its rules yet.
    """
    try:
        answer = _follow(f"{origin(url)}/robots.txt", ask)
    except UrlRejected as error:
        return Rules(_refusal=partial(UrlRejected, str(error)))
    except HostBusy:
        raise
    except VisopError as error:
        return _unknown(f"robots.txt cannot be read, so nothing is fetched from this host: {error}")
    if 400 <= answer.status < 500 and answer.status != _TOO_MANY_REQUESTS:
        return Rules()
    if not 200 <= answer.status < 300:
        return _unknown(f"robots.txt has status {answer.status}, so nothing is fetched from this host")
    parsed = Protego.parse(_VERSION.sub(r"\1", answer.body.decode("utf-8-sig", "replace")))
    delay_s = parsed.crawl_delay(AGENT) or 0.0
    if delay_s > _MAX_DELAY_S:
        text = f"robots.txt asks for {delay_s:g} s between two requests, the limit is {_MAX_DELAY_S:g} s"
        return Rules(_refusal=partial(Disallowed, text))
    return Rules(delay_s, parsed)


def _follow(url: str, ask: Callable[[str], Answer]) -> Answer:
    for _ in range(_MAX_REDIRECTS + 1):
        answer = ask(url)
        if answer.redirect is None:
            return answer
        url = absolute(answer.redirect, url)
        if not is_web(url):
            break
    raise VisopError("too many redirects, or to something that is no web page")


def _unknown(reason: str) -> Rules:
    return Rules(_refusal=partial(FetchUnavailable, reason))

"""URLs as a browser reads them (the WHATWG URL standard), by the parser that Node.js uses.

``urllib.parse`` follows RFC 3986, and pages are not written for it: it leaves spaces, backslashes, letters of other
scripts and tabs as they are. What may be fetched is not decided here; ``visop.images.fetching.fetch`` does that.
"""

from __future__ import annotations

import hashlib

from ada_url import URL

# Longer ones, and data URIs, would make the lines of a manifest unreadable.
_MAX_CHARS = 2048


def absolute(href: str, base: str) -> str:
    """A link of a page as a whole URL without its fragment; what is no URL stays as it is, for the fetcher to refuse.

    Args:
        href: as written in the page: relative, ``//host/path``, with spaces, in any script.
        base: what it is relative to; empty if nothing.
    """
    try:
        url = URL(href, base) if base else URL(href)
        url.hash = ""
    except ValueError:
        return href.strip()
    return str(url.href)


def origin(url: str) -> str:
    """``https://example.org:8443``. Raises ValueError if it is no URL."""
    return str(URL(url).origin)


def host(url: str) -> str:
    """``example.org``. Raises ValueError if it is no URL."""
    return str(URL(url).hostname)


def is_web(url: str) -> bool:
    """Whether a text is a URL of http or https."""
    try:
        return URL(url).protocol in ("http:", "https:")
    except ValueError:
        return False


def shorten(url: str) -> str:
    """Return a URL as the manifest names it: itself, or its start and digest if it is long or a data URI."""
    if len(url) <= _MAX_CHARS and not url.startswith("data:"):
        return url
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{url[:64]}... (sha256 {digest})"

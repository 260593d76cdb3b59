"""The form of URLs: which are fetched at all, and how they are written in a request. Pure rules, nothing is resolved.

A URL is sent as a browser sends it (the WHATWG URL standard, by the parser that Node.js uses), and not as ``requests``
and urllib3 rewrite it: a signature is over the bytes of the URL, and some servers tell ``%7E`` from ``~``.
"""

from __future__ import annotations

import re

from ada_url import URL

from visop.errors import UrlRejected

_MAX_CHARS = 8192

# Parsers disagree about these, which is how checks are bypassed.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f]|^ | $")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_WEB = re.compile(r"https?://(?=[^/?#])", re.IGNORECASE)
_BACKSLASH_IN_HOST = re.compile(r"(?:[^/?#]*:)?(?:\\[/\\]|/\\|//[^/?#]*\\)")
_USERINFO = re.compile(r"[^/]*//[^/?#]*@")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]+\]")


def canonical(url: str) -> str:
    """Check a URL's form and write it as a browser sends it, without its fragment: ``/a b`` as ``/a%20b``.

    What later parsers read of it, scheme, host and port, is then beyond doubt.

    Raises:
        UrlRejected: says what is wrong, without quoting the URL, because it may contain credentials.
    """
    if len(url) > _MAX_CHARS:
        raise UrlRejected(f"URL has {len(url):,} characters, the limit is {_MAX_CHARS:,}")
    if _AMBIGUOUS.search(url):
        raise UrlRejected("URL contains a control character, or begins or ends with a space")
    if not _WEB.match(url):
        raise UrlRejected("URL has a scheme that is not allowed, or no host (allowed: http://HOST, https://HOST)")
    if _BACKSLASH_IN_HOST.match(url):
        raise UrlRejected("URL contains a backslash before its path")
    if _USERINFO.match(url):
        raise UrlRejected("URL contains a user name or password, which is not allowed")
    try:
        parts = URL(url)
        parts.hash = ""
    except ValueError:
        raise UrlRejected("URL is not well-formed") from None
    if not _HOST.fullmatch(parts.hostname) or parts.port == "0":
        raise UrlRejected("URL has no valid host and port")
    return str(parts.href)


def host_of(url: str) -> str:
    """Return the host of a URL in one spelling; empty if the URL is not one that is fetched."""
    try:
        return URL(canonical(url)).hostname.removesuffix(".")
    except UrlRejected:
        return ""


def redirect_target(location: str, url: str) -> str:
    """Return where a redirect leads, absolute but not checked; as the server wrote it if that is no usable URL.

    Args:
        location: the header, decoded as Latin-1, so that every character is a byte. Browsers escape those above ASCII.
        url: where the redirect came from.
    """
    target = "".join(each if each.isascii() else f"%{ord(each):02X}" for each in location.strip(" \t"))
    if _SCHEME.match(target) or _BACKSLASH_IN_HOST.match(target):
        return target
    try:
        return str(URL(target, url).href)
    except ValueError:
        return target

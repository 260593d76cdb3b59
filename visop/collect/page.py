"""The pictures of a web page.

The parser is lxml's, with a target: it calls back for every tag and builds no tree. Of what was tried on hostile pages
of 4 MiB only its time grows with the size, 0.4 s at most. selectolax, lxml's own tree and ``html.parser`` (in Python
3.11.7) take minutes for a million open tags, attributes or comments, and lxml's tree ends at 256 open tags.
``w3lib`` finds the encoding as browsers do: byte order mark, header, ``<meta>``.

Not read: CSS, scripts, ``<video poster>``, and pictures inside SVG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree
from w3lib.encoding import html_to_unicode

from visop.collect.formats import NOT_DECODED, media_type
from visop.collect.srcset import Candidate, parse_srcset
from visop.collect.urls import absolute, is_web
from visop.sources import SUFFIXES

# Where scripts that load pictures late keep what will become `srcset` and `src`. A placeholder stands there meanwhile,
# whatever size it claims to have.
_LAZY_SRCSETS = ("data-srcset", "data-lazy-srcset", "data-original-set")
_LAZY_SRCS = ("data-src", "data-lazy-src", "data-lazy", "data-lazyload", "data-lazy-original", "data-original")

_PREVIEWS = frozenset({"og:image", "og:image:url", "og:image:secure_url", "twitter:image"})

_PATH_END = re.compile("[?#]")

_MAX_ALT_CHARS = 1000

# It is read again for every picture.
_MAX_BASE_CHARS = 8192

# Of one picture, the largest.
_MAX_SIZES = 5

# URLs as written, the best first, and the text.
_Found = tuple[list[str], str]


@dataclass(frozen=True)
class Picture:
    """A picture that a page shows or names.

    Attributes:
        url: absolute, without fragment; what is no URL of the web is as written.
        alt: its text for people who do not see it; of a link, the link's title; else empty.
        others: where the page offers the same picture, too, in other sizes; the largest first.
    """

    url: str
    alt: str = ""
    others: tuple[str, ...] = ()


def find_pictures(html: bytes, content_type: str, url: str, *, links: bool = False) -> list[Picture]:
    """Every picture of a page, once, in the page's order; of several sizes the largest first.

    Args:
        html: the page, in any encoding and any state.
        content_type: the header that came with it; may be empty.
        url: where the page is, after redirects.
        links: also the image files that the page links to, before all others, as they tend to be the originals.
    """
    reader = _Reader()
    parser = etree.HTMLParser(target=reader, encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        _, text = html_to_unicode(content_type or None, html)
        parser.feed(text.encode("utf-8", "replace"))
        parser.close()
    except etree.LxmlError:  # no tag in it; of a broken page, what was read so far is kept
        pass
    base = absolute(reader.base, url) if 0 < len(reader.base) <= _MAX_BASE_CHARS else url
    found = [*(reader.linked if links else ()), *reader.shown]
    return _once(found, base if is_web(base) else url)


def _once(found: list[_Found], base: str) -> list[Picture]:
    """Return each URL once, at its first place, with the first text and the first other sizes that it has anywhere."""
    pictures: dict[str, Picture] = {}
    for hrefs, alt in found:
        if urls := [absolute(href, base) for href in hrefs if href.strip()]:
            before = pictures.get(urls[0], Picture(urls[0]))
            others = before.others or tuple(dict.fromkeys(urls[1:]))
            pictures[urls[0]] = Picture(urls[0], before.alt or alt.strip()[:_MAX_ALT_CHARS], others)
    return [*pictures.values()]


@dataclass
class _Reader:
    """What lxml calls.

    Attributes:
        base: of ``<base href>``, the first.
        shown: of the pictures.
        linked: the same of links to image files.
    """

    base: str = ""
    shown: list[_Found] = field(default_factory=list)
    linked: list[_Found] = field(default_factory=list)
    _sources: list[Candidate] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A tag begins."""
        if tag == "img":
            self._add_image(attributes)
        elif tag == "source":
            if media_type(attributes.get("type", "")) not in NOT_DECODED:
                self._sources += _lazy_srcsets(attributes) or parse_srcset(attributes.get("srcset", ""))
        elif tag == "picture":
            self._sources = []
        elif tag == "meta":
            if _PREVIEWS & {attributes.get("property", "").lower(), attributes.get("name", "").lower()}:
                self.shown.append(([attributes.get("content", "")], ""))
        elif tag == "base":
            self.base = self.base or attributes.get("href", "")
        elif tag == "a" and _PATH_END.split(attributes.get("href", "").strip())[0].lower().endswith(SUFFIXES):
            self.linked.append(([attributes["href"]], attributes.get("title", "")))

    def end(self, tag: str) -> None:
        """A tag ends."""
        if tag == "picture":
            self._sources = []

    def close(self) -> None:
        """The page ends."""

    def _add_image(self, attributes: Mapping[str, str]) -> None:
        own = [*_lazy_srcsets(attributes), *_lazy_srcs(attributes)] or [*_standard(attributes)]
        candidates = [*self._sources, *own]
        self._sources = []
        # What stands in the page itself is what is shown until the picture is there.
        candidates = [each for each in candidates if not _is_data(each)] or candidates
        if candidates:
            sizes = sorted(candidates, key=lambda each: (each.width, each.density), reverse=True)[:_MAX_SIZES]
            self.shown.append(([each.url for each in sizes], attributes.get("alt", "")))


def _lazy_srcsets(attributes: Mapping[str, str]) -> list[Candidate]:
    found = [each for name in _LAZY_SRCSETS for each in parse_srcset(attributes.get(name, ""))]
    return [each for each in found if not _is_data(each)]


def _lazy_srcs(attributes: Mapping[str, str]) -> list[Candidate]:
    found = [Candidate(attributes.get(name, "")) for name in _LAZY_SRCS]
    # Not "true", or a number.
    return [each for each in found if ("." in each.url or "/" in each.url) and not _is_data(each)]


def _standard(attributes: Mapping[str, str]) -> Iterator[Candidate]:
    yield from parse_srcset(attributes.get("srcset", ""))
    if src := attributes.get("src", ""):
        yield Candidate(src)


def _is_data(candidate: Candidate) -> bool:
    return candidate.url.startswith("data:")

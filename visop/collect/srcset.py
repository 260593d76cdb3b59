"""The ``srcset`` attribute, read as the HTML standard says: a URL may hold commas, and parentheses hide them.

https://html.spec.whatwg.org/multipage/images.html#parse-a-srcset-attribute
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = " \t\n\f\r"


@dataclass(frozen=True)
class Candidate:
    """One picture of several that a page offers for the same place.

    Attributes:
        url: as written.
        width: in pixels, by a descriptor such as ``800w``; 0 if there is none.
        density: device pixels per pixel of the page, by a descriptor such as ``2x``.
    """

    url: str
    width: int = 0
    density: float = 1.0


def parse_srcset(text: str) -> list[Candidate]:
    """Yield the candidates in order, without those whose descriptors are wrong."""
    return [candidate for url, words in _split(text) if (candidate := _candidate(url, words)) is not None]


def _split(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each URL with its descriptors."""
    position = 0
    while True:
        position = _skip(text, position, _SPACE + ",")
        if position == len(text):
            return
        start, position = position, _find(text, position, _SPACE)
        url = text[start:position]
        if url.endswith(","):
            yield url.rstrip(","), []
        else:
            words, position = _descriptors(text, position)
            yield url, words


def _descriptors(text: str, position: int) -> tuple[list[str], int]:
    """Return the words up to the next comma outside parentheses, and the position of that comma."""
    words, start, in_parentheses = list[str](), position, False
    while position < len(text):
        character = text[position]
        if in_parentheses:
            in_parentheses = character != ")"
        elif character == "(":
            in_parentheses = True
        elif character in _SPACE or character == ",":
            words.append(text[start:position])
            start = position + 1
            if character == ",":
                break
        position += 1
    words.append(text[start:position])
    return [word for word in words if word], position


def _candidate(url: str, words: list[str]) -> Candidate | None:
    """Make a candidate; None if a descriptor is unknown, wrong or given twice."""
    values: dict[str, float] = {}
    for word in words:
        number, unit = _number(word[:-1]), word[-1]
        if number is None or unit not in "wxh" or unit in values:
            return None
        if unit in "wh" and not (word[:-1].isdecimal() and number > 0):
            return None
        values[unit] = number
    if "x" in values and len(values) > 1:
        return None
    return Candidate(url, int(values.get("w", 0)), values.get("x", 1.0))


def _number(text: str) -> float | None:
    """Read a non-negative number as HTML defines it: no infinity, no underscore, no space."""
    if not text.isascii() or set(text) - set("0123456789.eE+-") or text.startswith(("+", "-")) or len(text) > 32:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number < 1e9 else None


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _find(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] not in characters:
        position += 1
    return position

"""Take a filter in Milvus's language apart into words, numbers, texts and signs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from visop.search.errors import WrongFilter

Kind = Literal["number", "text", "word", "sign", "end"]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\*\*|==|!=|<=|>=|&&|\|\||[-+*/%<>!()\[\],])
    )""",
    re.VERBOSE | re.DOTALL,
)

# What a name of a file that is no text has, and half of a pair that JSON may name: UTF-8 cannot hold it.
_HALF = re.compile("[\ud800-\udfff]")

_NOTHING = "which is nothing it knows"
_UNKNOWN = dict.fromkeys("\"'", "a text that does not end") | {
    "=": f"'=', {_NOTHING}; whether two are equal is asked by =="
}

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


@dataclass(frozen=True)
class Token:
    """One piece of a filter.

    Attributes:
        kind: what it is.
        text: as it stands there; of a text, what it says.
        position: of its first character.
    """

    kind: Kind
    text: str
    position: int


def wrong_at(expression: str, position: int, why: str) -> WrongFilter:
    """Make the error of what is wrong at a place, which people count from 1."""
    return WrongFilter(expression, f"at character {position + 1}: {why}")


def tokens_of(expression: str) -> Iterator[Token]:
    """Yield the pieces of a filter, and one of the kind ``end``.

    Raises:
        WrongFilter: something in it is none.
    """
    position, end = 0, len(expression.rstrip())
    if (half := _HALF.search(expression)) is not None:
        raise wrong_at(expression, half.start(), f"{half[0]!r}, which is no character")
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None:
            rest = expression[position:].lstrip()
            raise wrong_at(expression, end - len(rest.rstrip()), _UNKNOWN.get(rest[0], f"{rest[0]!r}, {_NOTHING}"))
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the names of the groups
        text = match[kind]
        yield Token(kind, _said(text) if kind == "text" else text, match.start(kind))
        position = match.end()
    yield Token("end", "", end)


def _said(text: str) -> str:
    """What a text in quotation marks says. Unknown escapes stay, as those of ``like`` are."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text[1:-1], flags=re.DOTALL)

"""What strangers may filter by: what they are told of each picture anyway.

An answer to a filter is a question answered: ``names[0] like "/home/a%"`` asks for a hidden folder, letter by letter.
So every character of an expression must belong to a word, sign or value of this list. What is not in it never reaches
the store, whose language has more ways to say a name than one could forbid.
"""

from __future__ import annotations

import re

from visop.errors import InvalidInput
from visop.search.milvus.schema import PICTURE_FIELDS

#: All but where it is.
PUBLIC_FIELDS = [name for name in PICTURE_FIELDS if name != "names"]

# Text is only there to be compared with an id, so it needs no escapes, about which parsers may disagree.
_KNOWN = re.compile(
    rf"\s+|\b(?:{'|'.join(PUBLIC_FIELDS)}|(?i:and|or|not|in|like|true|false))\b|\b\d+(?:\.\d+)?\b"
    r"""|[-+*/%<>=!&|()\[\],]|"[0-9A-Za-z_%]*"|'[0-9A-Za-z_%]*'""",
    re.ASCII,
)

_MAX_SHOWN_CHARS = 40


def check_public(expression: str) -> None:
    """Raise InvalidInput if a filter is about anything that is not told to everybody."""
    unknown = _KNOWN.sub(" ", expression).split()
    if unknown:
        raise InvalidInput(
            f"filter: {unknown[0][:_MAX_SHOWN_CHARS]!r} cannot be used here: there are {', '.join(PUBLIC_FIELDS)}, "
            "whole and decimal numbers, ids in quotes, comparisons, and, or, not, in, like"
        )

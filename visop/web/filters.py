"""What a client on another machine may filter by: only what answers tell it of each picture anyway.

A filter can be used to ask about what is hidden: ``names[0] like "/home/a%"`` finds out the name of a folder, letter by
letter. So every character of an expression must belong to a word, a sign or a value that is allowed here. Forbidding
words would not do: the store's language has too many ways to refer to a field.
"""

from __future__ import annotations

import re

from visop.errors import UsageError
from visop.search.schema import PICTURE_FIELDS

#: All fields but the one that says where a picture is.
PUBLIC_FIELDS = [name for name in PICTURE_FIELDS if name != "names"]

# Text is only compared with ids, so it needs no escapes, which parsers may read differently.
_KNOWN = re.compile(
    rf"\s+|\b(?:{'|'.join(PUBLIC_FIELDS)}|(?i:and|or|not|in|like|true|false))\b|\b\d+(?:\.\d+)?\b"
    r"""|[-+*/%<>=!&|()\[\],]|"[0-9A-Za-z_%]*"|'[0-9A-Za-z_%]*'""",
    re.ASCII,
)

_MAX_SHOWN_CHARS = 40


def check_public(condition: str) -> None:
    """Hold a filter to what answers tell everybody.

    Raises:
        UsageError: it uses anything else.
    """
    unknown = _KNOWN.sub(" ", condition).split()
    if unknown:
        raise UsageError(
            "filter",
            "",
            f"{unknown[0][:_MAX_SHOWN_CHARS]!r} cannot be used here: there are {', '.join(PUBLIC_FIELDS)}, "
            "whole and decimal numbers, ids in quotes, comparisons, and, or, not, in, like",
        )

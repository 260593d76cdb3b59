"""What a client on another machine may filter by: only what answers tell it of each picture anyway.

A filter can be used to ask about what is hidden: ``names[0] like "/home/a%"`` finds out the name of a folder, letter by
letter. So every character of an expression must belong to a word, a sign or a value that is allowed here. Forbidding
words would not do: the store's language has too many ways to refer to a field.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from visop.errors import UsageError
from visop.search.schema import PICTURE_FIELDS

#: All fields of pictures but the one that says where one is, and those of the part that matched.
PUBLIC_FIELDS = [*(name for name in PICTURE_FIELDS if name != "names"), "part", "label", "score"]

# Text has neither escapes nor quotes in it, which parsers may read differently.
_SIGNS = (
    r"\s+|\b(?i:and|or|not|in|like|true|false|is|null|exists)\b|\b\d+(?:\.\d+)?\b"
    r"""|[-+*/%<>=!&|()\[\],]|"[^"'\\\x00-\x1f]*"|'[^"'\\\x00-\x1f]*'"""
)

_MAX_SHOWN_CHARS = 40


def check_public(condition: str, attributes: Collection[str] = ()) -> None:
    """Hold a filter to what answers tell everybody.

    Args:
        condition: the filter.
        attributes: the names of those that the index has.

    Raises:
        UsageError: it uses anything else.
    """
    fields = [*PUBLIC_FIELDS, *attributes]
    unknown = re.sub(rf"\b(?:{'|'.join(fields)})\b|{_SIGNS}", " ", condition, flags=re.ASCII).split()
    if unknown:
        raise UsageError(
            "filter",
            "",
            f"{unknown[0][:_MAX_SHOWN_CHARS]!r} cannot be used here: there are {', '.join(fields)}, "
            "whole and decimal numbers, text in quotes without quotes in it, comparisons, and, or, not, in, like",
        )

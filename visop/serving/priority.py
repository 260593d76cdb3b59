"""How urgent a caller says that a call is, by the ``Priority`` header of HTTP, which gRPC sends as metadata.

RFC 9218: ``u=0`` is the most urgent, ``u=7`` is for work in the background, and 3 is what is meant if nothing is said.
"""

from __future__ import annotations

import re

#: The name of the header, and of the metadata.
PRIORITY = "priority"

_URGENCY = re.compile(r"(?:^|,)\s*u\s*=\s*([0-7])\s*(?=$|[,;])")
_DEFAULT = 3


def is_bulk(value: str | bytes | None) -> bool:
    """Whether others go first: less urgent than what says nothing.

    A value that cannot be read says nothing.
    """
    found = _URGENCY.findall(value) if isinstance(value, str) else []
    return bool(found) and int(found[-1]) > _DEFAULT

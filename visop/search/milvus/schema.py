"""What an index holds of every picture, and what is known of the index as a whole.

A picture is its content: the primary key is the SHA-256 of the file's bytes, so the same file under two names is one
row with two names, a renamed file keeps its row, and indexing twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from visop.contract import OperatorInfo, Vector
from visop.errors import UsageError

#: The version of this format; raised when an older visop could not read it.
FORMAT = 1

#: Hexadecimal digits of a SHA-256.
ID_CHARS = 64

#: Names that are kept of one content. A Milvus array can hold 4096; fewer keep rows well below the limit of a message.
MAX_NAMES = 1000

#: Bytes of one name, as long as a Linux path.
MAX_NAME_BYTES = 4096

METRICS = ("L2", "IP", "COSINE")


@dataclass(frozen=True)
class Picture:
    """A row but for its vector.

    Attributes:
        id: SHA-256 of the file's bytes, hexadecimal.
        names: absolute paths and URLs under which this content was seen, sorted.
        width: pixels, upright.
        height: pixels, upright.
        bytes: size of the file.
        modified: when the oldest of the files was changed, or the URL fetched; seconds since 1970.
        added: when the content came into the index; seconds since 1970.
    """

    id: str
    names: tuple[str, ...]
    width: int
    height: int
    bytes: int
    modified: int
    added: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Picture:
        """Make a picture of the fields that Milvus answers."""
        rest = {name: int(fields[name]) for name in ("width", "height", "bytes", "modified", "added")}
        return cls(id=str(fields["id"]), names=tuple(fields["names"]), **rest)


#: What to ask Milvus for to make a ``Picture``.
PICTURE_FIELDS = ["id", "names", "width", "height", "bytes", "modified", "added"]


def joined(one: Picture, other: Picture) -> Picture:
    """Join two records of one content: all names, the earlier times, and else what the first one says."""
    return replace(
        one,
        names=tuple(sorted({*one.names, *other.names})[:MAX_NAMES]),
        modified=min(one.modified, other.modified),
        added=min(one.added, other.added),
    )


@dataclass(frozen=True)
class Row:
    """A picture with its vector, (dimension,) float32 of unit length."""

    picture: Picture
    vector: Vector

    def fields(self) -> dict[str, Any]:
        """Return the row as Milvus takes it."""
        picture = self.picture
        facts = {name: getattr(picture, name) for name in PICTURE_FIELDS if name != "names"}
        return {**facts, "names": list(picture.names), "vector": self.vector}


def about(operator: OperatorInfo) -> str:
    """Describe an index as JSON, which Milvus keeps with the collection. Raises UsageError for an unknown metric."""
    if operator.metric_type not in METRICS:
        why = f"has the metric {operator.metric_type!r}; an index can have {', '.join(METRICS)}"
        raise UsageError("", operator.name, why)
    facts = {"format": FORMAT, "operator": operator.name, "fingerprint": operator.fingerprint}
    return json.dumps({**facts, "dimension": operator.dimension, "metric": operator.metric_type})


def operator_of_text(text: str, collection: str) -> OperatorInfo:
    """Read the operator from what ``about`` wrote.

    Raises:
        UsageError: the collection is not one of visop's, or of a newer one.
    """
    try:
        facts = json.loads(text)
        number = facts["format"]
        operator = OperatorInfo(facts["operator"], facts["fingerprint"], int(facts["dimension"]), facts["metric"])
    except (ValueError, KeyError, TypeError):
        raise UsageError("name", collection, "this collection was not made by visop; take another name") from None
    if number != FORMAT:
        raise UsageError("name", collection, f"has format {number}, this visop reads {FORMAT}: update visop")
    return operator

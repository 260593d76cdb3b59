"""What an index holds of every picture, and what is known of the index as a whole.

A picture is its content: the primary key is the SHA-256 of the file's bytes, so the same file under two names is one
row with two names, a renamed file keeps its row, and indexing twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from visop.contract import OperatorInfo, Vector
from visop.detection import Detection, Part
from visop.errors import UsageError
from visop.search.attributes import Attribute, AttributeType, Declared, check_declared

#: The newest format that is read and written.
FORMAT = 2

# That of an index without parts and attributes, which an older visop can read, too.
_PLAIN_FORMAT = 1

#: Hexadecimal digits of a SHA-256.
ID_CHARS = 64

#: Names that are kept of one content. A Milvus array can hold 4096; fewer keep rows well below the limit of a message.
MAX_NAMES = 1000

#: Bytes of one name, as long as a Linux path.
MAX_NAME_BYTES = 4096

# Before the address of a kept copy among the names in a store, of which none begins so: paths are absolute.
_KEPT = "kept+"

METRICS = ("L2", "IP", "COSINE")

#: Of an index without attributes.
NONE_DECLARED: Declared = MappingProxyType({})


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
        attributes: name -> value, of those that the index declares.
        kept: where a copy of the file is kept that belongs to the index, such as ``s3://bucket/pictures/9f/9f86...``;
            empty if there is none.
    """

    id: str
    names: tuple[str, ...]
    width: int
    height: int
    bytes: int
    modified: int
    added: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict, hash=False)
    kept: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Any], declared: Declared = NONE_DECLARED) -> Picture:
        """Make a picture of the fields that a store answers, those of the attributes that it has among them."""
        rest = {name: int(fields[name]) for name in ("width", "height", "bytes", "modified", "added")}
        attributes = {name: fields[name] for name in declared if fields.get(name) is not None}
        names, kept = read_names(fields["names"])
        return cls(id=str(fields["id"]), names=names, **rest, attributes=attributes, kept=kept)

    @property
    def stored_names(self) -> list[str]:
        """The names as a store has them, which ``read_names`` reads: last among them, where a copy is kept."""
        return [*self.names[: MAX_NAMES - 1], _KEPT + self.kept] if self.kept else list(self.names)


def read_names(stored: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the names of a picture, and where a copy of it is kept, from ``Picture.stored_names``."""
    kept = [name.removeprefix(_KEPT) for name in stored if name.startswith(_KEPT)]
    return tuple(name for name in stored if not name.startswith(_KEPT)), kept[0] if kept else ""


#: What to ask Milvus for to make a ``Picture``.
PICTURE_FIELDS = ["id", "names", "width", "height", "bytes", "modified", "added"]


def joined(one: Picture, other: Picture) -> Picture:
    """Join two records of one content: all names and attributes, the earlier times, else what the first one says."""
    return replace(
        one,
        names=tuple(sorted({*one.names, *other.names})[:MAX_NAMES]),
        modified=min(one.modified, other.modified),
        added=min(one.added, other.added),
        attributes={**other.attributes, **one.attributes},
        kept=one.kept or other.kept,
    )


@dataclass(frozen=True)
class Row:
    """A picture with its vectors.

    Attributes:
        picture: what it is.
        vector: of the whole picture, (dimension,) float32 of unit length.
        parts: of the picture, each with its vector; numbered from 1 in this order, for the whole picture is number 0.
    """

    picture: Picture
    vector: Vector
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A picture that a search found.

    Attributes:
        picture: what it is.
        score: as Milvus says it in the metric of the index; for L2, the square of the distance.
        number: of the part whose vector is the nearest; 0 is the whole picture.
        part: that part; None of the whole picture.
    """

    picture: Picture
    score: float
    number: int = 0
    part: Detection | None = None


def about(operator: OperatorInfo, attributes: Declared = NONE_DECLARED) -> str:
    """Describe an index as JSON, which the store keeps with it.

    Raises:
        UsageError: an unknown metric, or an attribute that no index can have.
    """
    if operator.metric_type not in METRICS:
        why = f"has the metric {operator.metric_type!r}; an index can have {', '.join(METRICS)}"
        raise UsageError("", operator.name, why)
    check_declared(attributes)
    facts: dict[str, object] = {"operator": operator.name, "fingerprint": operator.fingerprint}
    facts |= {"dimension": operator.dimension, "metric": operator.metric_type}
    if not (operator.parts or attributes):
        return json.dumps({"format": _PLAIN_FORMAT, **facts})
    return json.dumps({"format": FORMAT, **facts, "parts": operator.parts, "attributes": dict(attributes)})


def read_about(text: str, collection: str) -> tuple[OperatorInfo, Declared]:
    """Read the operator and the attributes from what ``about`` wrote.

    Raises:
        UsageError: the collection is not one of visop's, or of a newer one.
    """
    try:
        facts = json.loads(text)
        number = int(facts["format"])
        if number > FORMAT:
            raise UsageError("name", collection, f"has format {number}, this visop reads {FORMAT}: update visop")
        space = facts["operator"], facts["fingerprint"], int(facts["dimension"]), facts["metric"]
        attributes = {name: AttributeType(type_) for name, type_ in facts.get("attributes", {}).items()}
        return OperatorInfo(*space, parts=facts.get("parts", "")), attributes
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError("name", collection, "this collection was not made by visop; take another name") from None

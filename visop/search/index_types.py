"""Which index Milvus builds over the vectors, by the number of pictures; docs/how-to/scale.md has the reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from visop.errors import UsageError

# Up to here a server compares every vector: exact, and nothing to build. Beyond it the graph is faster to search.
_FLAT_UP_TO = 2000

# The same for Milvus Lite, in numbers: vectors times dimension. It looks at every row in Python, whatever the index: a
# graph made 14 of 18 ms with 20,000 vectors of 256, 37 of 54 with 60,000, and took 6 and 45 s of CPU to build.
_LITE_FLAT_UP_TO = 50_000 * 256

# More rows than any Milvus Lite has, deleted ones included.
_MORE_THAN_ALL = 2**20

# Up to here a graph that is built with less effort is as good.
_FEW = 100_000

TYPES = ("FLAT", "HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "DISKANN", "SCANN", "AUTOINDEX")

#: Those that Milvus Lite has; it takes any other, too, and cannot open the file again.
LITE_TYPES = ("FLAT", "HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "AUTOINDEX")

_FORM = re.compile(r"(?P<kind>[A-Za-z_0-9]+)(:(?P<params>\w+=[\w.]+(,\w+=[\w.]+)*))?")


@dataclass(frozen=True)
class IndexType:
    """An index type of Milvus with the parameters that it is built with.

    Attributes:
        kind: Milvus's name of it.
        params: only those that are not left to Milvus.
    """

    kind: str
    params: Mapping[str, str] = field(default_factory=dict)

    def has(self, asked: IndexType) -> bool:
        """Whether it is of that kind, and built with all parameters that are asked for."""
        return self.kind == asked.kind and asked.params.items() <= self.params.items()

    def search_params(self, k: int) -> dict[str, int]:
        """Return Milvus's search parameters for ``k`` neighbours: how thoroughly it looks."""
        if self.kind.startswith("HNSW"):
            return {"ef": max(200, 2 * k)}
        if self.kind.startswith("IVF"):
            return {"nprobe": self._probes()}
        if self.kind == "SCANN":
            return {"nprobe": self._probes(), "reorder_k": max(200, 2 * k)}
        if self.kind == "DISKANN":
            return {"search_list": max(100, 2 * k)}
        return {}

    def exhaustive_params(self) -> dict[str, int]:
        """Return parameters with which Milvus Lite looks at every row; empty where a search does so anyway."""
        if self.kind.startswith(("HNSW", "AUTOINDEX")):
            return {"ef": _MORE_THAN_ALL}
        return {"nprobe": self._clusters()} if self.kind.startswith("IVF") else {}

    def __str__(self) -> str:
        """As ``parse_index_type`` reads it."""
        params = ",".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.kind}:{params}" if params else self.kind

    def _probes(self) -> int:
        return max(16, self._clusters() // 8)

    def _clusters(self) -> int:
        return int(self.params.get("nlist", 128))


def parse_index_type(text: str) -> IndexType:
    """Read ``HNSW`` or ``HNSW:M=32,efConstruction=400``.

    Raises:
        UsageError: not of this form, or no such type.
    """
    match = _FORM.fullmatch(text)
    if match is None or match["kind"].upper() not in TYPES:
        rule = f"must be auto, or one of {', '.join(TYPES)}, with parameters as in HNSW:M=32,efConstruction=400"
        raise UsageError("index_type", text, rule)
    params = dict(part.split("=", 1) for part in (match["params"] or "").split(",") if part)
    return IndexType(match["kind"].upper(), params)


def flat_up_to(dimension: int, *, is_lite: bool) -> int:
    """Return the number of pictures up to which comparing every vector of this length is the best index."""
    return _LITE_FLAT_UP_TO // dimension if is_lite else _FLAT_UP_TO


def choose_index_type(text: str, pictures: int, flat_limit: int) -> IndexType:
    """Choose what to build for so many pictures. ``text`` is ``auto``, or as ``parse_index_type`` reads it.

    Auto is FLAT up to ``flat_limit`` pictures, a graph (HNSW, Malkov and Yashunin 2016) for more.

    Raises:
        UsageError: as ``parse_index_type``.
    """
    if text == "auto":
        text = "FLAT" if pictures <= flat_limit else "HNSW"
    asked = parse_index_type(text)
    return IndexType(asked.kind, {**_defaults(asked.kind, pictures), **asked.params})


def _defaults(kind: str, pictures: int) -> Mapping[str, str]:
    """Return build parameters that are safe for image descriptors."""
    if kind.startswith("HNSW"):
        # With 20,000 pictures the recall of ten is 0.9995 at 100 and 1.0000 at 200, which takes twice as long.
        return {"M": "24", "efConstruction": "100" if pictures <= _FEW else "200"}
    if kind.startswith(("IVF", "SCANN")):
        # Faiss's guideline: between 4 and 16 times the square root of the number of vectors.
        return {"nlist": str(min(65536, max(16, 4 * math.isqrt(pictures))))}
    return {}

"""Which index Milvus builds over the vectors, by the number of pictures; docs/search.md has the reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from opkit.errors import SettingsError

#: Up to here every vector is compared: exact, and nothing to build. Beyond it the graph is faster to search.
FLAT_UP_TO = 2000

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

    def is_like(self, other: IndexType) -> bool:
        """Whether it is the same, as far as is known: Milvus Lite does not say with which parameters it built."""
        known = self.params.keys() & other.params.keys()
        return self.kind == other.kind and all(self.params[name] == other.params[name] for name in known)

    def search_params(self, k: int) -> dict[str, int]:
        """How thoroughly to look for ``k`` neighbours."""
        if self.kind.startswith("HNSW"):
            return {"ef": max(200, 2 * k)}
        if self.kind.startswith("IVF"):
            return {"nprobe": self._probes()}
        if self.kind == "SCANN":
            return {"nprobe": self._probes(), "reorder_k": max(200, 2 * k)}
        if self.kind == "DISKANN":
            return {"search_list": max(100, 2 * k)}
        return {}

    def __str__(self) -> str:
        """As ``--index-type`` takes it."""
        params = ",".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.kind}:{params}" if params else self.kind

    def _probes(self) -> int:
        return max(16, int(self.params.get("nlist", 128)) // 8)


def default_index_type(pictures: int) -> IndexType:
    """FLAT for a few thousand pictures, a graph (HNSW, Malkov and Yashunin 2016) for more."""
    return IndexType("FLAT") if pictures <= FLAT_UP_TO else _with_defaults(IndexType("HNSW"), pictures)


def parse_index_type(text: str, pictures: int) -> IndexType:
    """Read ``HNSW`` or ``HNSW:M=32,efConstruction=400``.

    Raises:
        SettingsError: not of this form, or no such type.
    """
    match = _FORM.fullmatch(text)
    if match is None or match["kind"].upper() not in TYPES:
        rule = f"must be auto, or one of {', '.join(TYPES)}, with parameters as in HNSW:M=32,efConstruction=400"
        raise SettingsError(f"--index-type {text}: {rule}")
    params = dict(part.split("=", 1) for part in (match["params"] or "").split(",") if part)
    return _with_defaults(IndexType(match["kind"].upper(), params), pictures)


def _with_defaults(chosen: IndexType, pictures: int) -> IndexType:
    """Parameters that are safe for image descriptors, under those that were given."""
    if chosen.kind.startswith("HNSW"):
        return IndexType(chosen.kind, {"M": "24", "efConstruction": "200", **chosen.params})
    if chosen.kind.startswith(("IVF", "SCANN")):
        # Faiss's guideline: between 4 and 16 times the square root of the number of vectors.
        nlist = min(65536, max(16, 4 * math.isqrt(pictures)))
        return IndexType(chosen.kind, {"nlist": str(nlist), **chosen.params})
    return chosen

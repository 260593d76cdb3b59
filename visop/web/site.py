"""What the routes work on: one index, the files of its pictures, and who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visop.address import is_loopback
from visop.contract import Vector
from visop.errors import NotFound
from visop.search.index import Index
from visop.search.milvus.schema import Picture
from visop.search.verdict import Match
from visop.settings import Settings
from visop.web.filters import check_public
from visop.web.indexing import Indexing
from visop.web.messages import Query, plain, plain_match
from visop.web.originals import Originals
from visop.web.problems import told_safely
from visop.web.thumbnails import Thumbnails
from visop.web.uploads import Uploads


@dataclass(frozen=True)
class Site:
    """One index on the web.

    Attributes:
        whole_names: whether answers say in which folders pictures are.
    """

    index: Index
    threshold: float | None
    indexing: Indexing
    originals: Originals
    thumbnails: Thumbnails
    uploads: Uploads
    settings: Settings

    @property
    def whole_names(self) -> bool:
        """Only to whom the machine belongs."""
        return is_loopback(self.settings.http_host)

    def picture(self, id_: str) -> Picture:
        """A picture of the index. Raises NotFound if it is none."""
        with told_safely():
            picture = self.index.get(id_)
        if picture is None:
            raise NotFound(f"no picture {id_[:12]}... in the index")
        return picture

    def search(self, query: Query, vectors: Sequence[Vector]) -> dict[str, Any]:
        """Search with the vector of a query, or with that of a picture of the index.

        Raises:
            NotFound: there is no such picture.
            InvalidInput: the filter is none, or asks for what is not told here.
        """
        if not self.whole_names:
            check_public(query.expression)
        with told_safely():
            vector = vectors[0] if vectors else self._vector_of(query.id or "")
            matches = self.index.search_vector(vector, query.k, query.expression)
            metric = self.index.collection.operator.metric_type
        return {"metric": metric, "threshold": self.threshold, "matches": self.plain_matches(matches)}

    def keep(self, data: bytes, vector: Vector) -> dict[str, Any]:
        """Keep an uploaded picture, as ``Uploads.keep``; as it is answered."""
        with told_safely():
            kept = self.uploads.keep(data, vector)
        return self.plain(kept.picture) | {"known": kept.known}

    def plain_matches(self, matches: Sequence[Match]) -> list[dict[str, Any]]:
        """As they are answered."""
        return [plain_match(match, whole_names=self.whole_names) for match in matches]

    def plain(self, picture: Picture) -> dict[str, Any]:
        """As it is answered."""
        return plain(picture, whole_names=self.whole_names)

    def some(self, count: int) -> list[Picture]:
        """Pictures to begin with: the first by their digests, which is as good as by chance, and stays the same."""
        with told_safely():
            return next(self.index.collection.pictures(count), [])

    def status(self) -> dict[str, Any]:
        """What is searched, and how far indexing is."""
        progress = self.indexing.progress()
        with told_safely():
            count, metric = self.index.count(), self.index.collection.operator.metric_type
        hidden = "indexing stopped; the server's log says why"
        return {
            "name": self.index.name,
            "count": count,
            "metric": metric,
            "threshold": self.threshold,
            "uploads": self.uploads.allowed,
            "fetch": self.settings.fetch,
            "max_image_bytes": self.settings.max_image_bytes,
            "indexing": {
                "state": progress.state,
                "done": progress.done,
                "total": progress.total,
                "failed": progress.failed,
                "seconds_left": progress.seconds_left,
                "message": progress.message if self.whole_names or not progress.message else hidden,
            },
        }

    def _vector_of(self, id_: str) -> Vector:
        rows = self.index.collection.rows([id_])
        if not rows:
            raise NotFound(f"no picture {id_[:12]}... in the index")
        return rows[0].vector

"""Search as the routes offer it: one index, the files of its pictures, and who may do what."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from visop.address import is_loopback
from visop.contract import Vector
from visop.encoding.encoded import EncodedPicture
from visop.errors import NotAllowed, NotFound, UsageError
from visop.matching.library import has_opencv
from visop.search.index import Index
from visop.search.match import Matches
from visop.search.ranking import View
from visop.search.schema import Picture
from visop.search.verify import CANDIDATES
from visop.settings import Settings
from visop.web.duplicates import Duplicates
from visop.web.emptiness import EmptinessCheck
from visop.web.filters import check_public
from visop.web.indexing import Indexing
from visop.web.messages import (
    FailedInput,
    FailuresReply,
    FoundMatch,
    FoundPicture,
    IndexingStatus,
    IndexStatus,
    KeptPicture,
    SearchReply,
    SearchRequest,
)
from visop.web.originals import Originals
from visop.web.presence import PresenceCheck
from visop.web.published import Published
from visop.web.removal_messages import MOST_TOLD, RemovalReply, RemovalRequest
from visop.web.removals import Removals
from visop.web.store_errors import safe_errors
from visop.web.thumbnails import Thumbnails
from visop.web.uploads import NewFile, Uploads

# Of a vector that is scaled to unit length: between them float32 has all its digits.
_LEAST_LENGTH, _MOST_LENGTH = 1e-6, 1e6

_HIDDEN = "indexing stopped; the server's log says why"


@dataclass(frozen=True)
class SearchService:
    """One index over HTTP. May be used from several threads."""

    index: Index
    threshold: float | None
    indexing: Indexing
    originals: Originals
    published: Published
    thumbnails: Thumbnails
    uploads: Uploads
    removals: Removals
    presence: PresenceCheck
    duplicates: Duplicates
    emptiness: EmptinessCheck
    settings: Settings

    @functools.cached_property
    def whole_names(self) -> bool:
        """Whether answers say in which folders pictures are: only if no other machine can reach the server."""
        return is_loopback(self.settings.http_host)

    @property
    def in_parts(self) -> bool:
        """Whether the index has vectors of parts."""
        with safe_errors():
            return bool(self.index.collection.operator.parts)

    def picture(self, id_: str) -> Picture:
        """A picture of the index. Raises NotFound if there is none with this id."""
        with safe_errors():
            picture = self.index.get(id_)
        if picture is None:
            raise _no_picture(id_)
        return picture

    def search_like(self, request: SearchRequest, id_: str) -> SearchReply:
        """The pictures most like one of the index.

        Raises:
            NotFound: there is none with this id.
            UsageError: as ``search``.
        """
        with safe_errors():
            rows = self.index.collection.rows([id_])
        if not rows:
            raise _no_picture(id_)
        found = self._found(request, [View(rows[0].vector)])
        file = self.file_of(id_) if request.verify else b""
        return self._reply(self._verified(request, self.emptiness.judged(found, rows[0].picture), file))

    def file_of(self, id_: str) -> bytes:
        """The file of a picture of the index, to search with a part. Raises as ``picture`` and ``Originals.open``."""
        with self.originals.open(self.picture(id_)) as file:
            return file.read()

    def search(
        self, request: SearchRequest, views: Sequence[View], marked: float | None, file: bytes = b""
    ) -> SearchReply:
        """The pictures most like one.

        Args:
            request: what is searched.
            views: of the picture that is searched with.
            marked: the share of it that differs from its background.
            file: the file of it, to verify what is found.

        Raises:
            UsageError: the filter is wrong, or asks for what is not told here.
        """
        found = self._found(request, views)
        found.marked = marked
        return self._reply(self._verified(request, self.emptiness.judged(found), file))

    def _verified(self, request: SearchRequest, found: Matches, file: bytes) -> Matches:
        """What is proven first, if that is asked for."""
        return self.index.verified(file, found, request.k, box=request.box) if request.verify else found

    def _found(self, request: SearchRequest, views: Sequence[View]) -> Matches:
        self.check_told(request.filter)
        with safe_errors():
            more = max(request.k, CANDIDATES) if request.verify else request.k
            return self.index.search_views(views, more, request.filter, mode=request.mode)

    def vector_of(self, numbers: Sequence[float]) -> Vector:
        """What a caller searches with, (dimension,) float32 of unit length. Raises UsageError if it cannot be."""
        with safe_errors():
            dimension = self.index.collection.operator.dimension
        if len(numbers) != dimension:
            raise UsageError("vector", "", f"has {len(numbers)} numbers; the encoder of the index makes {dimension}")
        vector = np.asarray(numbers, np.float64)
        length = float(np.linalg.norm(vector))
        if not (_LEAST_LENGTH < length < _MOST_LENGTH):  # also where it is NaN
            raise UsageError("vector", "", f"has length {length:g}; scaled to 1 it is searched with")
        return (vector / length).astype(np.float32)

    def check_told(self, condition: str) -> None:
        """Raise UsageError for a filter that asks for what is not told here."""
        if not self.whole_names:
            with safe_errors():
                attributes = self.index.collection.attributes
            check_public(condition, attributes)

    def _reply(self, found: Matches) -> SearchReply:
        with safe_errors():
            metric = self.index.collection.operator.metric_type
        gone = self.presence.gone([match.picture for match in found])
        hits = [FoundMatch.of_match(each, whole_names=self.whole_names, gone=each.picture.id in gone) for each in found]
        return SearchReply(
            metric=metric,
            threshold=found.threshold,
            only_copies=found.only_copies,
            marked=found.marked,
            nearly_empty=found.nearly_empty,
            matches=hits,
        )

    def keep(self, data: bytes, encoded: EncodedPicture) -> KeptPicture:
        """Keep an uploaded picture. Arguments and errors are those of ``Uploads.keep``."""
        with safe_errors():
            kept = self.uploads.keep(NewFile(data, encoded))
        return KeptPicture.of(kept.picture, whole_names=self.whole_names, known=kept.known)

    def remove(self, request: RemovalRequest) -> RemovalReply:
        """Take pictures out of the index. Arguments and errors are those of ``Removals.remove``."""
        removed = self.removals.remove(request, whole_names=self.whole_names)
        told = self.told(removed.pictures[:MOST_TOLD])
        can_undo = not removed.names and self.removals.are_kept(removed.pictures)
        return RemovalReply(
            removed=len(removed.pictures),
            names=len(removed.names),
            missing=list(removed.missing),
            pictures=told,
            can_undo=can_undo and not self.presence.gone(removed.pictures),
        )

    def remove_one(self, id_: str) -> RemovalReply:
        """Take one picture out of the index. Raises NotFound if there is none with this id."""
        reply = self.remove(RemovalRequest.model_validate({"ids": [id_]}))
        if reply.missing:
            raise _no_picture(id_)
        return reply

    def put_back(self, id_: str) -> FoundPicture:
        """Put a picture back that was removed. Errors are those of ``Removals.put_back``."""
        return FoundPicture.of(self.removals.put_back(id_), whole_names=self.whole_names)

    def some(self, count: int) -> Sequence[FoundPicture]:
        """Pictures for a first search: those with the first ids, which is as good as by chance and stays the same."""
        with safe_errors():
            pictures = next(self.index.collection.pictures(count), [])
        return self.told(pictures)

    def told(self, pictures: Sequence[Picture]) -> list[FoundPicture]:
        """The messages of pictures."""
        gone = self.presence.gone(pictures)
        return [FoundPicture.of(each, whole_names=self.whole_names, gone=each.id in gone) for each in pictures]

    def status(self) -> IndexStatus:
        """What is searched, and how far indexing is."""
        progress = IndexingStatus(**asdict(self.indexing.progress()))
        if progress.message and not self.whole_names:
            progress.message = _HIDDEN
        with safe_errors():
            count, metric = self.index.count(), self.index.collection.operator.metric_type
        return IndexStatus(
            name=self.index.name,
            count=count,
            metric=metric,
            threshold=self.threshold,
            uploads=self.uploads.allowed,
            fetch=self.settings.fetch,
            verify=has_opencv(),
            max_image_bytes=self.settings.max_image_bytes,
            watching=self.indexing.is_watching,
            failures_told=self.whole_names,
            indexing=progress,
        )

    def failures(self, limit: int) -> FailuresReply:
        """The inputs that could not be indexed. Raises NotAllowed where folders are not told."""
        if not self.whole_names:
            raise NotAllowed(
                "which files could not be read is told to this machine only; the server's log says it, too"
            )
        failures = self.indexing.failures
        found = [FailedInput(**asdict(each)) for each in failures.first(limit)]
        return FailuresReply(count=failures.count, failures=found)


def _no_picture(id_: str) -> NotFound:
    return NotFound(f"no picture {id_[:12]}... in the index")

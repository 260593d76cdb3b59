"""Take pictures out of the index for a client, and put back what was taken out by mistake."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from visop.errors import NotFound, UsageError
from visop.search.index import Index
from visop.search.removal import Removed
from visop.search.schema import Picture, Row, joined
from visop.web.filters import check_public
from visop.web.originals import Originals
from visop.web.removal_messages import RemovalRequest
from visop.web.store_errors import safe_errors
from visop.web.thumbnails import Thumbnails
from visop.web.uploads import Uploads

logger = logging.getLogger("visop.web")

# Pictures that can be put back: those that were removed last, with their vectors, 4 KB each or so.
_MOST_KEPT = 1000

# Contents that are looked up and written in one step.
_TOGETHER = 128


class Removals:
    """May be used from several threads."""

    def __init__(self, index: Index, originals: Originals, thumbnails: Thumbnails, uploads: Uploads) -> None:
        self._index, self._originals, self._thumbnails, self._uploads = index, originals, thumbnails, uploads
        self._lock = threading.Lock()
        # By id, the last one removed last.
        self._rows: dict[str, Row] = {}

    def remove(self, request: RemovalRequest, *, whole_names: bool) -> Removed:
        """Remove what is meant, with its previews, and its file if it was uploaded here.

        Args:
            request: what is meant.
            whole_names: whether this client is told folders, and so may ask by them.

        Raises:
            UsageError: nothing is meant, the filter is wrong, or it asks for what this client is not told.
        """
        if not whole_names:
            with safe_errors():
                attributes = self._index.collection.attributes
            _check_told(request, attributes)
        meant = request.model_dump(exclude={"dry_run"})
        with safe_errors():
            removed = self._index.remove(**meant, dry_run=True)
            if request.dry_run:
                return removed
            self.remember([picture.id for picture in removed.pictures[:_MOST_KEPT]])
            removed = self._index.remove(**meant)
        self._clean_up(removed)
        logger.info("removed from the index: %d pictures, %d other names", len(removed.pictures), len(removed.names))
        return removed

    def are_kept(self, pictures: Sequence[Picture]) -> bool:
        """Whether ``put_back`` would succeed for all of them, if their files are there."""
        with self._lock:
            return all(picture.id in self._rows for picture in pictures)

    def put_back(self, id_: str) -> Picture:
        """Put a picture that was removed back into the index, with its vector and its names.

        Raises:
            NotFound: it was not removed since the start, or too long ago.
            Gone: its file is gone.
        """
        with self._lock:
            row = self._rows.get(id_)
        if row is None:
            raise NotFound(f"picture {id_[:12]}... was not removed lately, so that it cannot be put back")
        self._originals.check(row.picture)
        collection = self._index.collection
        with safe_errors(), collection.changing:
            there = collection.known([id_]).get(id_, row.picture)
            row = replace(row, picture=joined(row.picture, there))
            collection.upsert([row])
        return row.picture

    def put_back_names(self, names: Mapping[str, Collection[str]]) -> None:
        """Put names back that pictures lost, by id, as far as their vectors are in the index or remembered."""
        ids = list(names)
        for start in range(0, len(ids), _TOGETHER):
            self._put_back_names({id_: names[id_] for id_ in ids[start : start + _TOGETHER]})

    def _put_back_names(self, names: Mapping[str, Collection[str]]) -> None:
        collection = self._index.collection
        with safe_errors(), collection.changing:
            there = {row.picture.id: row for row in collection.rows(list(names))}
            with self._lock:
                rows = {id_: there.get(id_) or self._rows.get(id_) for id_ in names}
            if found := [_named(row, names[id_], id_ in there) for id_, row in rows.items() if row]:
                collection.upsert(found)

    def remember(self, ids: Sequence[str]) -> None:
        """Keep the rows of pictures that are about to leave the index, so that they can be put back."""
        rows = self._index.collection.rows(ids)
        with self._lock:
            for row in rows:
                self._rows.pop(row.picture.id, None)
                # What the index kept of it goes with it.
                self._rows[row.picture.id] = replace(row, picture=replace(row.picture, kept=""))
            for id_ in list(self._rows)[:-_MOST_KEPT]:
                del self._rows[id_]

    def _clean_up(self, removed: Removed) -> None:
        for picture in removed.pictures:
            self._thumbnails.drop(picture.id)
        self._uploads.drop([*(name for picture in removed.pictures for name in picture.names), *removed.names])


def _named(row: Row, names: Collection[str], is_there: bool) -> Row:
    """A row with these names, beside those that it has in the index."""
    more = row.picture.names if is_there else ()
    return replace(row, picture=replace(row.picture, names=tuple(sorted({*names, *more}))))


def _check_told(request: RemovalRequest, attributes: Collection[str]) -> None:
    """Else a stranger could find out by a dry run which folders there are.

    Raises:
        UsageError: a field or the filter asks for what answers do not tell here.
    """
    for field in ("names", "folders"):
        if getattr(request, field):
            raise UsageError(
                field, "", "answers do not tell folders here, so pictures are not removed by them; give ids"
            )
    check_public(request.filter, attributes)

"""Pictures that come over HTTP and stay: a file in a folder of our own, named by us, and a row in the index."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from visop.contract import Vector
from visop.errors import NotAllowed, VisopError
from visop.files import write_whole
from visop.images.thumbnail import size_of
from visop.search.index import Index
from visop.search.milvus.schema import MAX_NAMES, Picture, Row
from visop.search.reader import stored_name
from visop.web.originals import Originals, suffix_of

_log = logging.getLogger("visop.web")

_ID_CHARS_IN_NAME = 16


@dataclass(frozen=True)
class Kept:
    """A picture that is in the index now, and whether it was there before, together with its file."""

    picture: Picture
    known: bool


class Uploads:
    """May be used from several threads.

    Args:
        index: that pictures come into; its collection is there.
        originals: reads the files of those that are there.
        folder: where their files go, made when it is needed; None takes no uploads.
    """

    def __init__(self, index: Index, originals: Originals, folder: Path | None) -> None:
        self._index, self._originals, self._folder = index, originals, folder
        if self.allowed:
            index.collection.is_shared = True

    @property
    def allowed(self) -> bool:
        """Whether pictures are taken."""
        return self._folder is not None

    def check(self) -> None:
        """Raise NotAllowed if they are not."""
        if self._folder is None:
            raise NotAllowed("pictures are not taken here; `visop run --uploads FOLDER` allows it")

    def keep(self, data: bytes, vector: Vector) -> Kept:
        """Keep a picture that was encoded. First the file, then the row: a crash in between leaves nothing amiss.

        A picture that is in the index and whose file is gone gets this one.

        Args:
            data: the file, which was decoded within the limits.
            vector: what it was encoded to, (dimension,) float32 of unit length.

        Raises:
            VisopError: the file cannot be written, or the index not.
        """
        id_ = hashlib.sha256(data).hexdigest()
        before = self._index.get(id_)
        if before and self._originals.has(before):
            return Kept(before, known=True)
        now = int(time.time())
        name = stored_name(str(self._write(id_, data)))
        row = Row(Picture(id_, (name,), *size_of(data), len(data), modified=now, added=now), vector)
        collection = self._index.collection
        with collection.changing:
            there = next(iter(collection.rows([id_])), None)
            if there and name in there.picture.names:  # it is back; or somebody else was faster
                return Kept(there.picture, known=before is None or name not in before.names)
            row = _with_name(there, name) if there else row
            collection.upsert([row])
        return Kept(row.picture, known=False)

    def _write(self, id_: str, data: bytes) -> Path:
        """No part of the name is the client's."""
        self.check()
        path = Path(self._folder or "").absolute() / f"upload-{id_[:_ID_CHARS_IN_NAME]}{suffix_of(data)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            _log.error("an upload could not be kept: %s: %s", path, error.strerror)
            raise VisopError(f"the picture could not be kept: {error.strerror}") from None
        return path


def _with_name(row: Row, name: str) -> Row:
    """With one more name; of too many, none of which leads to the file, one gives way."""
    names = sorted({name, *row.picture.names[: MAX_NAMES - 1]})
    return replace(row, picture=replace(row.picture, names=tuple(names)))

"""Pictures that come over HTTP and stay: a file in a folder of our own, named by us, and a row in the index."""

from __future__ import annotations

import hashlib
import logging
import mimetypes
import time
from dataclasses import dataclass
from pathlib import Path

from opkit.contract import Vector
from opkit.errors import OperatorError
from opkit.search.index import Index
from opkit.search.pictures import size_of
from opkit.search.reader import stored_name
from opkit.search.schema import Picture, Row
from opkit.web.faults import UploadsOff
from opkit.web.originals import media_type_of

_log = logging.getLogger("opkit.web")

_ID_CHARS_IN_NAME = 16


@dataclass(frozen=True)
class Kept:
    """A picture that is in the index now, and whether it was there before."""

    picture: Picture
    known: bool


class Uploads:
    """May be used from several threads.

    Args:
        index: that pictures come into; its collection is there.
        folder: where their files go, made when it is needed; None takes no uploads.
    """

    def __init__(self, index: Index, folder: Path | None) -> None:
        self._index, self._folder = index, folder

    @property
    def allowed(self) -> bool:
        """Whether pictures are taken."""
        return self._folder is not None

    def check(self) -> None:
        """Raise UploadsOff if they are not."""
        if self._folder is None:
            raise UploadsOff("pictures are not taken here; `opkit run --uploads FOLDER` allows it")

    def keep(self, data: bytes, vector: Vector) -> Kept:
        """Keep a picture that was encoded. First the file, then the row: a crash in between leaves nothing amiss.

        Args:
            data: the file, which was decoded within the limits.
            vector: what it was encoded to, (dimension,) float32 of unit length.

        Raises:
            OperatorError: the file cannot be written, or the index not.
        """
        id_ = hashlib.sha256(data).hexdigest()
        if known := self._index.get(id_):
            return Kept(known, known=True)
        now = int(time.time())
        name = stored_name(str(self._write(id_, data)))
        picture = Picture(id_, (name,), *size_of(data), len(data), modified=now, added=now)
        self._index.collection.upsert([Row(picture, vector)])
        return Kept(picture, known=False)

    def _write(self, id_: str, data: bytes) -> Path:
        """No part of the name is the client's."""
        self.check()
        suffix = mimetypes.guess_extension(media_type_of(data)) or ""
        path = Path(self._folder or "").absolute() / f"upload-{id_[:_ID_CHARS_IN_NAME]}{suffix}"
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            _log.error("an upload could not be kept: %s: %s", path, error.strerror)
            raise OperatorError(f"the picture could not be kept: {error.strerror}") from None
        return path

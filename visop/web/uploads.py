"""Pictures that are uploaded and kept: a file in our own folder, under a name of our choice, and a row in the index."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from visop.encoding.encoded import EncodedPicture
from visop.errors import NotAllowed, VisopError
from visop.files import file_sha256, write_whole
from visop.images.formats.media_types import suffix_of
from visop.images.thumbnail import size_of
from visop.search.attributes import Attribute, check_attributes
from visop.search.change_attributes import change_attributes, with_attributes
from visop.search.index import Index
from visop.search.match import Match
from visop.search.schema import MAX_NAMES, Picture, Row
from visop.sources import path_of, stored_name
from visop.web.originals import Originals
from visop.web.store_errors import safe_errors

logger = logging.getLogger("visop.web")

_PREFIX, _ID_CHARS_IN_NAME = "upload", 16


@dataclass(frozen=True)
class Upload:
    """A picture that is now in the index.

    Attributes:
        picture: as it is there.
        known: whether it was there before, and its file too.
        copy_of: what it is a copy of, where copies are not kept: then it is not in the index.
    """

    picture: Picture
    known: bool
    copy_of: Match | None = None


@dataclass(frozen=True)
class NewFile:
    """A picture that is to be kept.

    Attributes:
        data: the file, which has been decoded within the limits.
        encoded: the vectors of the picture, of unit length.
        url: where it was fetched, and will be again; empty if the file has to be kept.
        attributes: of the picture; those that it has already stay, where none of the same name is given.
        find_copy: finds what it is a copy of, where copies are not kept.
    """

    data: bytes
    encoded: EncodedPicture
    url: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    find_copy: Callable[[], Match | None] | None = None


class Uploads:
    """Takes uploads. May be used from several threads.

    Args:
        index: to add the pictures to; its collection must exist.
        originals: opens the files of pictures that are in the index.
        folder: where the files go, made when needed; None refuses uploads.
    """

    def __init__(self, index: Index, originals: Originals, folder: Path | None) -> None:
        self._index, self._originals, self._folder = index, originals, folder
        # Held while a file and its row come or go, so that a row is never left without its file.
        self._lock = threading.Lock()

    @property
    def allowed(self) -> bool:
        """Whether uploads are accepted."""
        return self._folder is not None

    def check(self) -> None:
        """Raise NotAllowed if uploads are not accepted."""
        if self._folder is None:
            raise NotAllowed("uploads are not accepted here: the server was started without a folder for them")

    def keep(self, new: NewFile) -> Upload:
        """Keep a picture: write its file first and then its row, so that a crash in between does no harm.

        If the picture is in the index but its file is gone, this file takes its place. Where copies are not kept, no
        other picture can come into the index while it is looked for them.

        Raises:
            VisopError: the file or the index cannot be written.
        """
        self.check()
        id_ = hashlib.sha256(new.data).hexdigest()
        before = self._index.get(id_)
        check_attributes(new.attributes, self._index.collection.attributes)
        if before and (new.url in before.names if new.url else self._originals.has(before)):
            return Upload(change_attributes(self._index.collection, id_, new.attributes) or before, known=True)
        with self._lock, self._index.collection.changing if new.find_copy else nullcontext():
            if before is None and new.find_copy and (copy := new.find_copy()):
                return Upload(copy.picture, known=False, copy_of=copy)
            return self._keep(id_, new, before)

    def clear(self) -> None:
        """Delete all files of uploads, after their index was deleted."""
        for path in self._folder.glob(f"{_PREFIX}-*") if self._folder else ():
            path.unlink(missing_ok=True)
        if self._folder is not None:
            with suppress(OSError):  # there is something else in it
                self._folder.rmdir()

    def drop(self, names: Sequence[str]) -> None:
        """Delete the files of uploads that left the index; files elsewhere, and others in the folder, stay.

        Args:
            names: that left the index.
        """
        for path in filter(None, map(path_of, names)):
            if self._folder is not None and os.path.dirname(path) == str(self._folder.absolute()):
                with self._lock, suppress(OSError):
                    self._drop(Path(path))

    def _drop(self, path: Path) -> None:
        prefix, _, start = path.stem.partition("-")
        id_ = file_sha256(path)
        if prefix != _PREFIX or start != id_[:_ID_CHARS_IN_NAME]:  # not what we put there
            return
        picture = self._index.get(id_)
        if picture is None or stored_name(str(path)) not in picture.names:  # else it was uploaded again meanwhile
            path.unlink()

    def _keep(self, id_: str, new: NewFile, before: Picture | None) -> Upload:
        now = int(time.time())
        name = new.url or stored_name(str(self._write(id_, new.data)))
        collection = self._index.collection
        with self._copied(id_, new.data) as kept, collection.changing:
            facts = *size_of(new.data), len(new.data)
            picture = Picture(id_, (name,), *facts, modified=now, added=now, kept=kept)
            row = with_attributes(Row(picture, new.encoded.vector, new.encoded.parts), new.attributes)
            there = next(iter(collection.rows([id_])), None)
            if there:
                copied = replace(there, picture=replace(there.picture, kept=there.picture.kept or kept))
                there = with_attributes(copied, new.attributes)
            if there and name in there.picture.names:  # the file is back, or another request was faster
                if new.attributes or kept:
                    collection.upsert([there])
                return Upload(there.picture, known=before is None or name not in before.names)
            row = _with_name(there, name) if there else row
            collection.upsert([row])
        return Upload(row.picture, known=bool(there and new.url))

    @contextmanager
    def _copied(self, id_: str, data: bytes) -> Iterator[str]:
        """Keep a copy if the index keeps originals; its address is written into the index in the block."""
        with safe_errors():
            folder = self._index.originals_folder()
            address = folder.keep(id_, data) if folder else ""
        yield address
        if folder:
            with safe_errors():
                folder.settle([id_])

    def _write(self, id_: str, data: bytes) -> Path:
        """Write the file under a name that contains nothing of the client's."""
        self.check()
        path = Path(self._folder or "").absolute() / f"{_PREFIX}-{id_[:_ID_CHARS_IN_NAME]}{suffix_of(data)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            logger.error("an upload could not be kept: %s: %s", path, error.strerror)
            raise VisopError(f"the picture could not be kept: {error.strerror}") from None
        return path


def _with_name(row: Row, name: str) -> Row:
    """The row with one more name. If it has the most names already, none of which leads to the file, one is dropped."""
    names = sorted({name, *row.picture.names[: MAX_NAMES - 1]})
    return replace(row, picture=replace(row.picture, names=tuple(names)))

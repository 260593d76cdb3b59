"""The indexes in which the vectors of the fields of applications are, and the copies of their pictures."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from visop.contract import OperatorInfo
from visop.errors import NotFound
from visop.http.engine_errors import EngineError
from visop.images.thumbnail import size_of
from visop.same_encoder import differences
from visop.search.errors import NoSuchIndex
from visop.search.index import Index
from visop.search.originals.address import folder_address
from visop.search.originals.folder import OriginalsFolder
from visop.search.originals.keeping import keeping
from visop.search.place import file_of, shown_uri
from visop.search.schema import Picture, Row
from visop.search.store import Collection, Store
from visop.sources import path_of
from visop.web.engine.running import Pictured
from visop.web.store_errors import safe_errors


class FieldIndexes:
    """A context manager; may be used from several threads.

    Args:
        beside: an index of the store; those of fields are beside it.
        base: a folder, or an address such as ``s3://bucket/pictures``, in which buckets are.
    """

    def __init__(self, beside: Index, base: str) -> None:
        self._beside, self._base = beside, base
        self._indexes: dict[str, Index] = {}
        self._folders: dict[str, OriginalsFolder] = {}
        self._lock = threading.Lock()
        self._opening = threading.Lock()  # held while an object storage is asked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._indexes):
            self._forget(name)

    @property
    def store(self) -> Store:
        """In which they are."""
        return self._beside.store

    def find(self, name: str) -> Index:
        """An index, by its name."""
        with self._lock:
            if name not in self._indexes:
                self._indexes[name] = self._beside.beside(name)
            return self._indexes[name]

    def make(self, name: str, info: OperatorInfo) -> None:
        """Make an empty index for the vectors of a pipeline. Raises VisopError if the store fails."""
        with safe_errors(), self.store.changing:
            self.store.create(name, 1, info)
            self.store.point(name, 1)

    def drop(self, name: str) -> None:
        """Delete an index, if it is there. The copies of its pictures are then deleted by ``clear``."""
        with safe_errors(), suppress(NoSuchIndex):
            for number in self.store.numbers(name):  # a crash may have left one to which no alias points
                if self.store.target_of(name) is None:
                    self.store.drop(name, number)
            self.find(name).drop()
        self._forget(name)

    def clear(self, name: str, bucket: str) -> None:
        """Delete the copies of the pictures of an index that is gone, which takes as long as an object storage does."""
        with safe_errors():
            OriginalsFolder(self._address(name, bucket)).clear()

    def check(self, name: str, info: OperatorInfo, pipeline: str) -> None:
        """Raise EngineError if the vectors of a pipeline do not fit to those of an index any more."""
        with safe_errors():
            differing = differences(self.find(name).collection.operator, info)
        if differing:
            why = f"its operators are others than when the application was made: {'; '.join(differing)}"
            raise EngineError("PipelineIllegalError", f"pipeline {pipeline}: {why}")

    def copy(self, name: str, bucket: str, pictured: Pictured) -> str:
        """Write a copy of a picture that is not in an index yet; its address, or nothing if it is in the index.

        Takes as long as an object storage does, so ``store.changing`` should not be held. ``settle`` is called when the
        index has the picture.
        """
        with safe_errors():
            collection = self.find(name).collection
            if collection.known([pictured.id]):
                return ""
            return self._folder(name, bucket, collection).keep(pictured.id, pictured.data)

    def settle(self, name: str, bucket: str, id_: str) -> None:
        """Tell that an index has the picture that was copied."""
        with safe_errors():
            self._folder(name, bucket, self.find(name).collection).settle([id_])

    def put(self, name: str, pictured: Pictured, url: str, kept: str) -> None:
        """Put a picture into an index, unless it is there. Hold ``store.changing``.

        Args:
            name: of the index.
            pictured: the picture.
            url: its address; empty of an upload.
            kept: the address of its copy.
        """
        with safe_errors():
            collection = self.find(name).collection
            if not collection.known([pictured.id]):
                collection.upsert([Row(_picture(pictured, url, kept), pictured.vector, pictured.parts)])

    def has(self, name: str, id_: str) -> bool:
        """Whether a picture is in an index."""
        with safe_errors():
            return bool(self.find(name).collection.known([id_]))

    def discard(self, name: str, bucket: str, id_: str) -> None:
        """Delete a copy that was written for nothing. Hold ``store.changing``."""
        with safe_errors():
            OriginalsFolder(self._address(name, bucket)).delete([id_])

    def remove(self, name: str, ids: list[str]) -> None:
        """Take pictures out of an index, with the copies of their files. Hold ``store.changing``."""
        with safe_errors(), suppress(NoSuchIndex):
            if ids:
                self.find(name).remove(ids=ids)

    def picture(self, name: str, id_: str) -> Picture:
        """A picture. Raises NotFound if it is not there."""
        with safe_errors():
            found = self.find(name).get(id_)
        if found is None:
            raise NotFound("the picture is not in the index any more")
        return found

    def _address(self, name: str, bucket: str) -> str:
        """The folder of the copies of an index, which no other one has or had."""
        return folder_address(f"{self._base}/{bucket}", name)

    def _forget(self, name: str) -> None:
        with self._lock:
            index = self._indexes.pop(name, None)
            self._folders.pop(name, None)
        if index:
            index.close()

    def _folder(self, name: str, bucket: str, collection: Collection) -> OriginalsFolder:
        with self._opening:
            if name not in self._folders:
                folder = OriginalsFolder(self._address(name, bucket))
                place = file_of(self._beside.uri) or Path(shown_uri(self._beside.uri))
                folder.claim(name, str(place.absolute()))
                with keeping(folder, collection):  # which deletes what was left by a process that was killed
                    self._folders[name] = folder
            return self._folders[name]


def _picture(pictured: Pictured, url: str, kept: str) -> Picture:
    """The picture with its address; or, of an upload, the place of its copy."""
    now, name = int(time.time()), url or path_of(kept) or kept
    width, height = size_of(pictured.data)
    return Picture(pictured.id, (name,), width, height, len(pictured.data), modified=now, added=now, kept=kept)

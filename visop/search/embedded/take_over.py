"""Take over the indexes of a folder that Milvus Lite 3 made, in the form of before."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from visop.contract import OperatorInfo
from visop.search.attributes import Declared
from visop.search.embedded.collection import EmbeddedCollection
from visop.search.embedded.errors import translated
from visop.search.errors import StoreError
from visop.search.names import collection_name, split_name

if TYPE_CHECKING:
    from visop.search.milvus.lite_reader import LiteReader

_log = logging.getLogger(__name__)

#: Where what Milvus Lite made is kept, within the folder.
KEPT = "milvus-lite-3"

_LITE = ("collections", "databases", ".database-staging", "aliases.json", "database_properties.json", "LOCK")
_OURS = ("socket.json", "changing.lock")  # of earlier versions

_TOLD_EVERY_S = 10.0


class NewStore(Protocol):
    """What is used of the store that takes over."""

    uri: str

    def create(
        self, index: str, number: int, operator: OperatorInfo, *, attributes: Declared = ...
    ) -> EmbeddedCollection:
        """As of ``visop.search.store.Store``."""


def take_over(path: Path, store: NewStore) -> dict[str, int]:
    """Copy everything into a store of the same folder, which has no record of indexes yet.

    Nothing that Milvus Lite wrote is changed but its index over the vectors, which is not needed. Killed at any moment,
    it begins anew the next time.

    Returns:
        The number of the collection of each index; empty if there is nothing of Milvus Lite.

    Raises:
        StoreError: it cannot be read, or copied; everything is as it was.
    """
    if not _is_lite(path):
        return {}
    with _lite(path) as lite:
        for left in path.glob("*.sqlite*"):  # by a process that was killed
            left.unlink()
        aliases = lite.aliases()
        numbers = [_copy(lite, each, store) for each in lite.collections()]
        _log.info("%s: all indexes have the new form now; what Milvus Lite made is kept in %s", path, path / KEPT)
    there = {collection_name(index, number) for index, number in numbers if number}
    return {alias: split_name(name)[1] for alias, name in aliases.items() if name in there}


def put_away(path: Path) -> None:
    """Move what Milvus Lite made into a folder of its own, when all is copied."""
    if not _is_lite(path):
        return
    with translated(str(path)):
        (path / KEPT).mkdir(exist_ok=True)
        for name in (*_LITE[1:], *_OURS, _LITE[0]):
            with suppress(FileNotFoundError):
                (path / name).rename(path / KEPT / name)


def _is_lite(path: Path) -> bool:
    """Whether a folder is one of Milvus Lite 3."""
    return (path / _LITE[0]).is_dir()


def _lite(path: Path) -> AbstractContextManager[LiteReader]:
    try:
        from visop.search.milvus.library import import_milvus_lite
        from visop.search.milvus.lite_reader import open_lite

        import_milvus_lite()
        return open_lite(path)
    except ImportError as error:
        raise StoreError(
            f"{path} is an index of an earlier version, in the form of Milvus Lite 3. To take over what is in it, "
            f"install that once: pip install 'visop[milvus-lite]' ({error})"
        ) from None


def _copy(lite: LiteReader, collection: str, store: NewStore) -> tuple[str, int]:
    """Copy one collection, unless it is somebody else's; its index and number, which is 0 then."""
    facts, (index, number) = lite.about(collection), split_name(collection)
    if facts is None or not number:
        _log.warning("%s: the collection %s was not made by visop, and is not taken over", store.uri, collection)
        return index, 0
    operator, attributes = facts
    new = store.create(index, number, operator, attributes=attributes)
    done, told_at = 0, time.monotonic()
    _log.warning("%s: taking over %s from Milvus Lite; this is done once", store.uri, collection)
    for page in lite.pages(collection, attributes):
        new.upsert(page)
        done += len(page)
        if time.monotonic() - told_at > _TOLD_EVERY_S:
            told_at = time.monotonic()
            _log.warning("%s: %s: %d pictures taken over so far", store.uri, collection, done)
    if new.count() != done:
        raise StoreError(f"{store.uri}: {collection} has {done} pictures, of which {new.count()} were copied")
    new.tune()
    return index, number

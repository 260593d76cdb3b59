"""Read the indexes of a folder that Milvus Lite 3 made, of which nothing but its rows and aliases is needed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.attributes import Declared
from visop.search.errors import StoreUnreachable
from visop.search.milvus.errors import be_quiet, damaged, of_text
from visop.search.milvus.library import import_milvus_lite
from visop.search.schema import PICTURE_FIELDS, Picture, Row, read_about

# What a collection says of itself. The old one is that of indexes from before 0.2, when the project had another name.
_PROPERTIES = ("visop", "opkit")

_VECTOR = "vector"

# Milvus Lite looks at every row for each page.
_PAGE = 10_000

# Milvus Lite only warns of rows that are lost, with this.
_LOSS = "manifest references missing"


class LiteReader:
    """An open folder of Milvus Lite. Made by ``open_lite``."""

    def __init__(self, database: Any, path: Path, loss: LossLog) -> None:
        self._database, self._path, self._loss = database, path, loss

    def aliases(self) -> dict[str, str]:
        """Return the collection of each alias."""
        return {alias: self._database.describe_alias(alias)["collection"] for alias in self._database.list_aliases()}

    def collections(self) -> list[str]:
        """Return the names of all collections."""
        return list(self._database.list_collections())

    def about(self, collection: str) -> tuple[OperatorInfo, Declared] | None:
        """Return what visop noted of a collection; None if it was made by somebody else."""
        properties: Mapping[str, str] = self._opened(collection).schema.properties or {}
        text = next((properties[name] for name in _PROPERTIES if name in properties), "")
        try:
            return read_about(text, collection)
        except UsageError:
            if text:  # of a newer version
                raise
            return None

    def pages(self, collection: str, declared: Declared) -> Iterator[list[Row]]:
        """Yield the rows of a collection, in the order of their ids."""
        there = self._opened(collection)
        there.release()
        if there.get_index_info(_VECTOR) is not None:
            there.drop_index(_VECTOR)  # else it would be loaded, or built: it may be damaged, and takes minutes
        there.load()
        fields, after = [*PICTURE_FIELDS, *declared, _VECTOR], ""
        while found := there.query(f'id > "{after}"', output_fields=fields, limit=_PAGE, order_by_pk=True):
            self._check()
            yield [Row(Picture.of(each, declared), np.asarray(each[_VECTOR], np.float32)) for each in found]
            after = found[-1]["id"]
        self._check()

    def _opened(self, collection: str) -> Any:
        found = self._database.get_collection(collection)
        self._check()
        return found

    def _check(self) -> None:
        if self._loss.messages:
            raise damaged(str(self._path), "; ".join(self._loss.messages))


class LossLog(logging.Handler):
    """A log handler that keeps what Milvus Lite says about lost data."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message if it is about a loss."""
        if (message := record.getMessage()).startswith(_LOSS):
            self.messages.append(message)


@contextmanager
def open_lite(path: Path) -> Iterator[LiteReader]:
    """Open a folder of Milvus Lite 3, which nobody else can open meanwhile.

    Raises:
        ImportError: Milvus Lite is not installed.
        StoreUnreachable: another process has it open.
        StoreError: it cannot be read.
    """
    lite = import_milvus_lite()
    be_quiet()
    log = LossLog()
    logger = logging.getLogger("milvus_lite.engine.recovery")
    logger.addHandler(log)
    logger.setLevel(logging.WARNING)
    try:
        database = lite.MilvusLite(str(path))
        try:
            yield LiteReader(database, path, log)
        finally:
            database.close()
    except lite.DataDirLockedError:
        raise StoreUnreachable(
            f"{path} is open in another process, of an earlier version. Stop it: this version opens the file in "
            "another form, and takes over what is in it"
        ) from None
    except (OSError, ValueError, KeyError, RuntimeError, lite.MilvusLiteError) as error:
        raise of_text(_text(error), str(path)) from error
    finally:
        logger.removeHandler(log)


def _text(error: BaseException) -> str:
    """What an error says, in the form that Milvus Lite sends it in."""
    if isinstance(error, OSError) and error.errno:
        return f"[Errno {error.errno}] {error.strerror}"
    return f"{type(error).__name__}: {error}"

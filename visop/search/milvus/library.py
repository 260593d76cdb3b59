"""Import pymilvus without what its import does to a process.

It configures logging for the whole process with ``logging.config.dictConfig``, which closes every existing handler:
those of the server, and those of TensorFlow together with the stream that they write to. ``milvus/errors.py`` silences
its messages. Milvus Lite imports pymilvus, so it is imported here, too, where it is installed.
"""

from __future__ import annotations

import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    configure = logging.config.dictConfig
    logging.config.dictConfig = lambda config: None
    try:
        yield
    finally:
        logging.config.dictConfig = configure


with _logging_left_alone():
    from pymilvus import DataType, MilvusClient, MilvusException
    from pymilvus.exceptions import ErrorCode, MilvusUnavailableException


@dataclass(frozen=True)
class MilvusLiteLibrary:
    """What is used of Milvus Lite."""

    MilvusLite: Any
    MilvusLiteError: type[Exception]
    DataDirLockedError: type[Exception]


def import_milvus_lite() -> MilvusLiteLibrary:
    """Import Milvus Lite. Raises ImportError."""
    with _logging_left_alone():
        from milvus_lite.db import MilvusLite
        from milvus_lite.exceptions import DataDirLockedError, MilvusLiteError
    return MilvusLiteLibrary(MilvusLite, MilvusLiteError, DataDirLockedError)


__all__ = [
    "DataType",
    "ErrorCode",
    "MilvusClient",
    "MilvusException",
    "MilvusLiteLibrary",
    "MilvusUnavailableException",
    "import_milvus_lite",
]

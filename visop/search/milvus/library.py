"""Import pymilvus without what its import does to a process.

It configures logging for the whole process with ``logging.config.dictConfig``, which closes every existing handler:
those of the server, and those of TensorFlow together with the stream that they write to. ``milvus/errors.py`` silences
its messages. Milvus Lite imports pymilvus, so it is imported here, too.
"""

from __future__ import annotations

import logging.config
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    configure = logging.config.dictConfig
    logging.config.dictConfig = lambda config: None
    try:
        yield
    finally:
        logging.config.dictConfig = configure


with _logging_left_alone():
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from milvus_lite.exceptions import DataDirLockedError
    from pymilvus import DataType, MilvusClient, MilvusException
    from pymilvus.exceptions import ErrorCode, MilvusUnavailableException
    from pymilvus.grpc_gen.milvus_pb2_grpc import add_MilvusServiceServicer_to_server as add_milvus_servicer

__all__ = [
    "DataDirLockedError",
    "DataType",
    "ErrorCode",
    "MilvusClient",
    "MilvusException",
    "MilvusLite",
    "MilvusServicer",
    "MilvusUnavailableException",
    "add_milvus_servicer",
]

"""Turn what pymilvus, gRPC and Milvus Lite raise into errors of ours, and switch off their own logging of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from visop.errors import UsageError, VisopError
from visop.search.errors import (
    FULL,
    READ_ONLY,
    NoSuchIndex,
    NotLoaded,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
    WrongFilter,
)
from visop.search.milvus.library import ErrorCode, MilvusException, MilvusUnavailableException

_DAMAGED = ("manifest.json", "schema.json", "aliases.json", "not valid JSON", "Parquet", "parquet", "Arrow", ".idx")

# Milvus's "invalid parameter", the legacy number that Milvus Lite has for it, and Milvus 2.3's for nearly everything.
_INVALID = (1100, 6)
_UNEXPECTED = 65535
_NO_EXPRESSION = "cannot parse expression"

# Errors in an expression that Milvus Lite finds only when it evaluates it, and has no number for.
_LITE_NO_EXPRESSION = {
    "no kernel matching input types": "an operator does not fit the type of its field; names is a list, whose elements "
    "are names[0] and so on, and which array_contains(names, ...) looks into",
    "int too large to convert": "a number is too large: at most 9223372036854775807",
    "maximum recursion depth exceeded": "it is nested too deeply, or too long",
}

# A collection that is released while its index is built anew.
_NOT_LOADED = 101

_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def be_quiet() -> None:
    """Stop pymilvus and Milvus Lite from logging with tracebacks what they also raise."""
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    server = logging.getLogger("grpc._server")
    if _is_of_ours not in server.filters:
        server.addFilter(_is_of_ours)


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Drop the tracebacks that gRPC's server logs for each call of pymilvus that Milvus Lite does not implement."""
    return not (record.exc_info and isinstance(record.exc_info[1], NotImplementedError))


@contextmanager
def translated(uri: str, collection: str = "", expression: str = "", index_type: str = "") -> Iterator[None]:
    """Raise our errors for whatever is raised inside.

    Args:
        uri: of the store, without credentials.
        collection: that is worked on, if any.
        expression: the user's filter that is sent, if any.
        index_type: that is to be built, if any.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise _of_rpc(error, uri) from None
    except MilvusException as error:
        raise _of_milvus(error, uri, collection, expression, index_type) from None
    except OSError as error:
        raise of_text(f"[Errno {error.errno}] {error.strerror}", uri) from None


def _of_rpc(error: grpc.RpcError, uri: str) -> VisopError:
    if error.code() in _AWAY:
        return unreachable(uri)
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        why = f"the Milvus at {uri} asks who we are ({error.details()}): must be user:password, or an API key"
        return UsageError("token", "", f"{why}; commands take it from MILVUS_TOKEN")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        why = f"what answers there is no Milvus that visop knows ({error.details()})"
        return UsageError("uri", uri, f"{why}: its port is 19530 as a rule, and its version must be 2.3.5 or newer")
    return of_text(f"{error.code().name}: {error.details()}", uri)


def _of_milvus(error: MilvusException, uri: str, collection: str, expression: str, index_type: str) -> VisopError:
    text = error.message or type(error).__name__
    if isinstance(error.__cause__, grpc.RpcError):
        return _of_rpc(error.__cause__, uri)
    if isinstance(error, MilvusUnavailableException) or ("connect" in text and "Fail" in text):
        return unreachable(uri)
    if error.code == ErrorCode.COLLECTION_NOT_FOUND:
        return NoSuchIndex(f"{uri} has no collection {collection} any more: it was deleted, or replaced by a reindex")
    if error.code == _NOT_LOADED:
        return NotLoaded(f"{uri}: the index over {collection} is being built; try again in a moment")
    if expression and (error.code in _INVALID or error.is_input_error or _NO_EXPRESSION in text):
        return WrongFilter(expression, text.replace("'vector', ", ""))  # one of the fields, which no filter can use
    if expression and (reason := next((_LITE_NO_EXPRESSION[each] for each in _LITE_NO_EXPRESSION if each in text), "")):
        return WrongFilter(expression, reason)
    if index_type and error.code in (*_INVALID, _UNEXPECTED):
        return UsageError("index_type", index_type, f"the Milvus at {uri} refuses it: {text}")
    return of_text(text, uri)


def unreachable(uri: str) -> StoreUnreachable:
    """Make the error for a Milvus that does not answer."""
    return StoreUnreachable(
        f"no Milvus answers at {uri}: is it running, and are host and port right? "
        "(curl http://HOST:9091/healthz asks a Milvus server)"
    )


def of_text(text: str, uri: str) -> StoreError:
    """Make the error that a text of Milvus tells of, with advice where there is any."""
    if any(f"[Errno {number}]" in text for number in FULL) or "No space left" in text:
        return StoreFull.of(uri, text)
    if any(f"[Errno {number}]" in text for number in READ_ONLY) or "Permission denied" in text:
        return StoreReadOnly.of(uri, text)
    if any(word in text for word in _DAMAGED):
        return damaged(uri, text)
    return StoreError(f"{uri}: Milvus says: {text}")


def damaged(uri: str, text: str) -> StoreDamaged:
    """Make the error for a Milvus Lite file that cannot be opened."""
    return StoreDamaged(
        f"{uri} is damaged: {text}. Put back a copy, or move it away and index again; the pictures are not in it"
    )

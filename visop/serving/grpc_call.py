"""What every gRPC call of ours has in common: its errors become statuses, and its end a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import grpc
from grpc_status import rpc_status

from visop.errors import BadItems, CallerGone, VisopError
from visop.rpc.statuses import code_of
from visop.serving.convert import status_of
from visop.serving.peers import peer_of_grpc
from visop.serving.priority import PRIORITY, is_bulk
from visop.serving.request_log import REQUEST_ID, TIMING, RequestLog, request_id_of_call

# gRPC's own clients count in it what they tried (https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
_TRIED_BEFORE = "grpc-previous-rpc-attempts"
# Of larger calls gRPC's clients keep no copy, and so never try them again (GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE).
_RETRIED_BYTES = 250_000
# A client whose policy is to retry UNAVAILABLE would send a whole call again because the server of one URL is busy.
# This keeps it from that (https://github.com/grpc/proposal/blob/master/A6-client-retries.md, "Pushback"); the details
# of the status say what failed, and when to send that again.
_NO_RETRY = (("grpc-retry-pushback-ms", "-1"),)

logger = logging.getLogger("visop.request")


@contextmanager
def logged(rpc: str, context: grpc.ServicerContext) -> Iterator[RequestLog]:
    """Known errors become a status with their text, anything else one with a fixed text. Logs one line per call.

    Nothing may be sent before the first answer: clients try a call again only if its status came alone.
    """
    log = RequestLog(rpc, request_id_of_call(context), context.peer())
    error: VisopError
    try:
        yield log
        log.end("OK")
        return
    except GeneratorExit:  # gRPC gave up a stream whose caller left
        log.end(grpc.StatusCode.CANCELLED.name)
        raise
    except VisopError as known:
        error = known
    except Exception:  # whatever it is, the caller gets a status and no traceback
        error = VisopError("internal error")
        if context.is_active():
            logger.exception("a call failed, id=%s", log.request_id)
        else:
            error = CallerGone("the caller left")  # reading from a stream that is gone raises
    log.end(code_of(error).name, error)
    _abort(context, error, log)


def is_late(context: grpc.ServicerContext, size: int = 0) -> bool:
    """Whether a client may not try a call again: it has tried before, or the call is too large to be kept for that."""
    return size > _RETRIED_BYTES or _TRIED_BEFORE in dict(context.invocation_metadata())


def is_bulk_call(context: grpc.ServicerContext) -> bool:
    """Whether its caller lets others go first."""
    return is_bulk(dict(context.invocation_metadata()).get(PRIORITY))


def send_request_id(context: grpc.ServicerContext, log: RequestLog) -> None:
    """Before the first answer."""
    context.send_initial_metadata(((REQUEST_ID, log.request_id),))


def send_timing(context: grpc.ServicerContext, log: RequestLog) -> None:
    """Behind the last answer."""
    context.set_trailing_metadata(((TIMING, log.timing()),))


def peer_of_call(context: grpc.ServicerContext) -> str:
    """From where a call came."""
    return peer_of_grpc(context.peer())


@dataclass(frozen=True)
class _Status(grpc.Status):
    """What ``abort_with_status`` takes."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def _abort(context: grpc.ServicerContext, error: VisopError, log: RequestLog) -> NoReturn:
    status = rpc_status.to_status(status_of(error))
    trailers = ((REQUEST_ID, log.request_id), *status.trailing_metadata)
    trailers += _NO_RETRY if isinstance(error, BadItems) else ()
    context.abort_with_status(_Status(status.code, status.details, trailers))

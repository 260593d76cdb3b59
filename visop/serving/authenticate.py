"""Ask every gRPC call for a token, but for those of probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from visop.access.scopes import OPEN_METHODS, scope_of_method
from visop.access.tokens import Tokens, bearer_of
from visop.errors import VisopError
from visop.serving.convert import status_of

# gRPC's classes are generic for type checkers only.
Handler = Any


class Authenticate(grpc.ServerInterceptor):
    """Refuses calls before a thread is taken for them, and before anything of their message is read.

    Args:
        tokens: that are accepted.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler], handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return the handler of the method, or one that refuses."""
        method = handler_call_details.method
        if not method.startswith(OPEN_METHODS):
            headers = dict(handler_call_details.invocation_metadata)
            try:
                self._tokens.check(bearer_of(str(headers.get("authorization", ""))), scope_of_method(method))
            except VisopError as error:
                return _refusing(error)
        return continuation(handler_call_details)


def _refusing(error: VisopError) -> Handler:
    def refuse(_requests: Iterator[bytes], context: grpc.ServicerContext) -> NoReturn:
        context.abort_with_status(rpc_status.to_status(status_of(error)))

    return grpc.stream_unary_rpc_method_handler(refuse)

"""Requests that are no messages, such as bytes that are cut off or text that is not UTF-8: the caller's mistake."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from visop.errors import InvalidInput
from visop.rpc.statuses import code_of
from visop.serving.request_log import REQUEST_ID, RequestLog, request_id_of_call

# gRPC's classes are generic for type checkers only.
Handler = Any


# So many are looked at for what is wrong; a megabyte of empty fields takes two seconds of Python.
_MOST_FIELDS = 10_000


class RefuseMalformed(grpc.ServerInterceptor):
    """Answers them with INVALID_ARGUMENT, in all services; gRPC by itself says INTERNAL, as of an error of ours."""

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler], handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return the handler of a method with its requests checked; None if there is no such method."""
        handler = continuation(handler_call_details)
        return handler and _checked(handler, handler_call_details.method.rpartition("/")[2])


def _checked(handler: Handler, rpc: str) -> Handler:
    parse = handler.request_deserializer
    if parse is None or (handler.request_streaming and not handler.response_streaming):  # nobody has such a method
        return handler
    options = {"request_deserializer": _reader(parse), "response_serializer": handler.response_serializer}
    if handler.request_streaming:
        return grpc.stream_stream_rpc_method_handler(_on_stream(handler.stream_stream, rpc), **options)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(_on_request(handler.unary_stream, rpc), **options)
    return grpc.unary_unary_rpc_method_handler(_on_request(handler.unary_unary, rpc), **options)


def _reader(parse: Callable[[bytes], Message]) -> Callable[[bytes], Message | InvalidInput]:
    """Return the error in place of the message, because whatever is raised there becomes INTERNAL."""

    def read(data: bytes) -> Message | InvalidInput:
        try:
            return parse(data)
        except DecodeError:
            return InvalidInput(what_is_wrong(data, parse.__self__))  # type: ignore[attr-defined]  # a class method

    return read


def _on_request(serve: Callable[..., Any], rpc: str) -> Callable[..., Any]:
    @functools.wraps(serve)  # with the attributes by which gRPC knows how to call it
    def checked(request: Any, context: grpc.ServicerContext, *others: Any, **more: Any) -> Any:
        if isinstance(request, InvalidInput):
            _refuse(rpc, context, request)
        return serve(request, context, *others, **more)

    return checked


def _on_stream(serve: Callable[..., Any], rpc: str) -> Callable[..., Any]:
    def checked(requests: Iterable[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from serve(_valid(requests), context)
        except InvalidInput as error:  # our own streams refuse it themselves
            _refuse(rpc, context, error)

    return checked


def _valid(requests: Iterable[Any]) -> Iterator[Any]:
    for request in requests:
        if isinstance(request, InvalidInput):
            raise request
        yield request


def _refuse(rpc: str, context: grpc.ServicerContext, error: InvalidInput) -> NoReturn:
    code = code_of(error)
    request_id = request_id_of_call(context)
    RequestLog(rpc, request_id, context.peer()).end(code.name, error)
    context.set_trailing_metadata(((REQUEST_ID, request_id),))
    context.abort(code, str(error))


def what_is_wrong(data: bytes, kind: type[Message]) -> str:
    """Say why bytes are no message of a kind: which text is not UTF-8, or else that they are damaged.

    Read as a message without fields, whatever is well-formed is an unknown field, and its bytes can be had.
    """
    try:
        fields = UnknownFieldSet(Empty.FromString(data))
    except DecodeError:
        return f"the request is no {kind.DESCRIPTOR.full_name}: its bytes are damaged or cut off"
    seen: Counter[str] = Counter()
    for field in map(fields.__getitem__, range(min(len(fields), _MOST_FIELDS))):
        known = kind.DESCRIPTOR.fields_by_number.get(field.field_number)
        if known is not None and known.type == FieldDescriptor.TYPE_STRING and isinstance(field.data, bytes):
            is_single = isinstance(getattr(kind(), known.name), str)
            name = known.name if is_single else f"{known.name}[{seen[known.name]}]"
            seen[known.name] += 1
            if not _is_utf8(field.data):
                return f"{name}: not text in UTF-8"
    return f"the request is no {kind.DESCRIPTOR.full_name}"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

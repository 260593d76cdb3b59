"""Errors as problem details (RFC 9457): with the code and the text that gRPC gives, and a status of HTTP.

The status follows from the code by the table of google.rpc.Code
(https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto). What only HTTP can get wrong, such as a
body that is too large, has a status of its own and the nearest code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from grpc import StatusCode
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from visop.errors import (
    BadItems,
    DeadlinePassed,
    InvalidInput,
    NotAllowed,
    NotFound,
    RemoteError,
    UsageError,
    VisopError,
)
from visop.rpc.statuses import code_of

MEDIA_TYPE = "application/problem+json"

STATUSES = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.UNIMPLEMENTED: 405,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.CANCELLED: 499,
    StatusCode.INTERNAL: 500,
    StatusCode.DATA_LOSS: 500,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}

#: What an error is called of a name that no index can have; a pattern would tell few what is wrong.
INDEX_NAME = "index_name"

#: What an error is called of a value that is none of an attribute; pydantic would name a type that it tried last.
ATTRIBUTE_VALUE = "attribute_value"

# What pydantic calls it (https://docs.pydantic.dev/latest/errors/validation_errors) -> what we say, with its context.
# Pydantic's own words would tell clients about pydantic.
_WRONG = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field",
    "string_type": "must be a string",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} elements",
    "too_long": "must have at most {max_length} elements",
    "dict_type": "must be an object",
    INDEX_NAME: "{rule}",
    ATTRIBUTE_VALUE: "must be a string, a finite number, true or false",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


class BodyTooLarge(InvalidInput):
    """The body is over the limit, whether it says so or turns out so."""

    http_status = 413


class UnsupportedBody(InvalidInput):
    """The body is of a type or an encoding that is not read."""

    http_status = 415


class BodyTooSlow(DeadlinePassed):
    """The body did not arrive in time."""

    http_status = 408


class Gone(NotFound):
    """What was asked for was there, and is no longer."""

    http_status = 410


class Conflict(InvalidInput):
    """What should be made is there already."""

    http_status = 409


class WrongHost(NotAllowed):
    """The request is for a host name that is not this server's."""

    http_status = 421


class CrossSite(NotAllowed):
    """A page of another site sent the request."""


class _Refused(RemoteError):
    """What the framework refuses: an HTTP status, and the nearest gRPC one."""

    def __init__(self, what: str, status: int) -> None:
        nearest = next((code for code, each in STATUSES.items() if each == status), StatusCode.INVALID_ARGUMENT)
        super().__init__(f"{what}: {_phrase(status).lower()}", nearest.name)
        self.http_status = status


class Violation(BaseModel):
    """What is wrong with one input."""

    field: str = Field(description="The input, by its field and index.", examples=["datas[3]"])
    code: str = Field(description="Its own code.", examples=["INVALID_ARGUMENT"])
    detail: str = Field(examples=["not an image: no known format"])


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(default="about:blank", description="`code` says it more precisely.")
    title: str = Field(description="The status in words.", examples=["Bad Request"])
    status: int = Field(description="The HTTP status.", examples=[400])
    detail: str = Field(description="What was wrong, the limit and the value.", examples=["datas[3]: not an image"])
    code: str = Field(description="The code that gRPC gives for the same error.", examples=["INVALID_ARGUMENT"])
    field: str | None = Field(
        default=None,
        description="The field, parameter or header of the request that is wrong, if it is a single one.",
        examples=["filter"],
    )
    violations: list[Violation] | None = Field(
        default=None, description="Every input that failed, if the request was all or nothing."
    )


def status_of(error: VisopError) -> int:
    """The HTTP status of an error."""
    own: int | None = getattr(error, "http_status", None)
    return own or STATUSES[code_of(error)]


def details_of(error: VisopError) -> Problem:
    """What is told of an error."""
    status = status_of(error)
    problem = Problem(title=_phrase(status), status=status, detail=str(error), code=code_of(error).name)
    if isinstance(error, UsageError):
        problem.field = error.field or None
    if isinstance(error, BadItems):
        problem.violations = [
            Violation(field=name, code=code_of(item).name, detail=str(item)) for name, item in error.items.items()
        ]
    return problem


def problem_of(error: VisopError) -> Response:
    """The answer to a request that failed."""
    problem = details_of(error)
    headers = {"Retry-After": str(math.ceil(error.retry_after_s))} if error.retry_after_s is not None else {}
    return Response(problem.model_dump_json(exclude_none=True), problem.status, headers, MEDIA_TYPE)


def wrong_message(errors: Sequence[Mapping[str, Any]], within: str = "") -> VisopError:
    """The first thing that is wrong with a message; never the input itself.

    Args:
        errors: of a pydantic ``ValidationError``, at least one.
        within: the part of a form that the message is; empty if it is the body.

    Returns:
        UsageError of the field that is wrong, or InvalidInput of the whole body.
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        why = "is not valid JSON"
        return UsageError(within, "", why) if within else InvalidInput(f"the body {why}")
    place = (within, *first["loc"]) if within else first["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)[1:81]
    why = _WRONG.get(first["type"], "is not valid").format(**first.get("ctx", {}))
    return UsageError(where, "", why) if where else InvalidInput(f"the body: {why}")


def add_handlers(app: FastAPI) -> None:
    """Answer every error with a problem, those of the framework too."""
    app.add_exception_handler(VisopError, _on_visop_error)  # type: ignore[arg-type]  # it gets nothing else
    app.add_exception_handler(HTTPException, _on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _on_anything)


def _on_visop_error(_: Request, error: VisopError) -> Response:
    return problem_of(error)


def _on_http_error(request: Request, error: HTTPException) -> Response:
    """What the framework itself refuses: no such path, or not with this method."""
    if isinstance(error.__cause__, VisopError):  # the framework was reading the body
        return problem_of(error.__cause__)
    problem = problem_of(_Refused(f"{request.method} {request.url.path[:100]}", error.status_code))
    problem.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods_of(request)):
        problem.headers["Allow"] = ", ".join(methods)
    return problem


def _methods_of(request: Request) -> list[str]:
    """The documented methods of a path. The framework tells only those of the first of its routes.

    A path without parameters comes before one that has it as a parameter.
    """
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    fitting = [each for each in paths if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", each), request.url.path)]
    least = min((each.count("{") for each in fitting), default=0)
    return sorted(method.upper() for each in fitting if each.count("{") == least for method in paths[each])


def _on_validation_error(_: Request, error: RequestValidationError) -> Response:
    """What a route declares that FastAPI parses, such as the parameters of a query.

    FastAPI puts before a field's name where it stands: ``query``, ``path`` or ``body``.
    """
    return problem_of(wrong_message([each | {"loc": each["loc"][1:]} for each in error.errors()]))


def _on_anything(_: Request, error: Exception) -> Response:
    return problem_of(VisopError("internal error"))


def _phrase(status: int) -> str:
    return "Client Closed Request" if status == 499 else HTTPStatus(status).phrase

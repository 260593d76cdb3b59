"""Errors as problem details (RFC 9457), with the code and the text that gRPC gives for the same fault.

The HTTP status follows from the code by the table of google.rpc.Code
(https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto); what only HTTP can get wrong has a status
of its own, and the code that is nearest.

| code                 | HTTP status                                                                                  |
|----------------------|----------------------------------------------------------------------------------------------|
| INVALID_ARGUMENT     | 400; 413 body too large, 415 body of another kind                                            |
| FAILED_PRECONDITION  | 400                                                                                          |
| PERMISSION_DENIED    | 403 another site's page; 421 another host's name                                             |
| NOT_FOUND            | 404                                                                                          |
| UNIMPLEMENTED        | 405 method not allowed                                                                       |
| RESOURCE_EXHAUSTED   | 429, with Retry-After                                                                        |
| CANCELLED            | 499, which nobody is there to read                                                           |
| INTERNAL             | 500                                                                                          |
| UNAVAILABLE          | 503                                                                                          |
| DEADLINE_EXCEEDED    | 504; 408 the body came too slowly                                                            |
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from grpc import StatusCode
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from visop.errors import BadItems, DeadlinePassed, InvalidInput, NotAllowed, Overloaded, RemoteError, VisopError
from visop.http.complaints import complain
from visop.rpc.statuses import code_of

MEDIA_TYPE = "application/problem+json"

STATUSES = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
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

_log = logging.getLogger("visop.request")


class BodyTooLarge(InvalidInput):
    """The body is over the limit, whether it says so or turns out so."""

    http_status = 413


class UnsupportedBody(InvalidInput):
    """The body is of a kind or an encoding that is not read."""

    http_status = 415


class BodyTooSlow(DeadlinePassed):
    """The body did not arrive in time."""

    http_status = 408


class WrongHost(NotAllowed):
    """The request is for a host name that is not this server's."""

    http_status = 421


class CrossSite(NotAllowed):
    """A page of another site sent the request."""


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
    code: str = Field(description="The code that gRPC gives for the same fault.", examples=["INVALID_ARGUMENT"])
    violations: list[Violation] | None = Field(
        default=None, description="Every input that failed, if the request was all or nothing."
    )


def status_of(error: VisopError) -> int:
    """The HTTP status of an error."""
    own: int | None = getattr(error, "http_status", None)
    return own or STATUSES[code_of(error)]


def problem_of(error: VisopError) -> Response:
    """The answer to a request that failed."""
    status = status_of(error)
    problem = Problem(title=_phrase(status), status=status, detail=str(error), code=code_of(error).name)
    if isinstance(error, BadItems):
        problem.violations = [
            Violation(field=name, code=code_of(item).name, detail=str(item)) for name, item in error.items.items()
        ]
    headers = {"Retry-After": str(math.ceil(error.retry_after_s))} if isinstance(error, Overloaded) else {}
    return Response(problem.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Answer every error with a problem; nothing else leaves the application."""
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
    return problem


def _on_validation_error(_: Request, error: RequestValidationError) -> Response:
    """What a route of another room declares, and did not get."""
    return problem_of(InvalidInput(complain(error.errors())))


class _Refused(RemoteError):
    """What the framework refuses: an HTTP status, and the nearest gRPC one."""

    def __init__(self, what: str, status: int) -> None:
        nearest = next((code for code, each in STATUSES.items() if each == status), StatusCode.INVALID_ARGUMENT)
        super().__init__(f"{what}: {_phrase(status).lower()}", nearest.name)
        self.http_status = status


def _on_anything(_: Request, error: Exception) -> Response:
    return problem_of(VisopError("internal error"))


def _phrase(status: int) -> str:
    return "Client Closed Request" if status == 499 else HTTPStatus(status).phrase

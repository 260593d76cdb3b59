"""Errors as the original engine answers them: a message, the name of an error of its own, and its status."""

from __future__ import annotations

import math
from typing import Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from visop.errors import (
    DeadlinePassed,
    FetchFailed,
    FetchUnavailable,
    ImageDecodeError,
    ImageTooLarge,
    InvalidInput,
    ModelFailed,
    NotAllowed,
    NotFound,
    Overloaded,
    RemoteError,
    ShuttingDown,
    Unreachable,
    UsageError,
    VisopError,
)
from visop.http.body import JSON
from visop.http.problems import Conflict, status_of

Name = Literal[
    "ArgsCheckError",
    "DecodeError",
    "DockerRuntimeError",
    "DownloadFileError",
    "ExistError",
    "InstanceExistError",
    "NoneValidFieldError",
    "NoneVectorError",
    "NotExistError",
    "OperatorRegistError",
    "PipelineIllegalError",
    "RPCExecError",
    "RequestError",
    "UnexpectedError",
    "WrongFieldModeError",
    "WrongInnerFieldModeError",
]

# Those that are not 400. The original engine has 400 for UnexpectedError, which upload and search gave for everything;
# here it is what nobody expected.
_STATUSES: dict[Name, int] = {
    "DownloadFileError": 598,
    "InstanceExistError": 409,
    "NotExistError": 404,
    "OperatorRegistError": 503,
    "RPCExecError": 503,
    "UnexpectedError": 500,
}

# The first that fits.
_NAMES: tuple[tuple[tuple[type[VisopError], ...], Name], ...] = (
    ((Conflict,), "ExistError"),
    ((NotFound,), "NotExistError"),
    ((ImageDecodeError, ImageTooLarge), "DecodeError"),
    ((FetchFailed, FetchUnavailable), "DownloadFileError"),
    ((Unreachable, ModelFailed, RemoteError, Overloaded, ShuttingDown), "RPCExecError"),
)


class EngineError(InvalidInput):
    """An error of the original engine that has no class here.

    Attributes:
        name: of it, which clients get.
    """

    def __init__(self, name: Name, message: str) -> None:
        super().__init__(message)
        self.name = name


class EngineProblem(BaseModel):
    """An error, as the original engine answers it."""

    model_config = ConfigDict(title="EngineProblem")

    message: str = Field(description="What was wrong.", examples=["there is no application art"])
    error: Name = Field(description="The name that the original engine has for it.", examples=["NotExistError"])


def engine_answer(error: VisopError) -> Response:
    """The answer to a request that failed."""
    name = _name_of(error)
    headers = {"Retry-After": str(math.ceil(error.retry_after_s))} if error.retry_after_s is not None else {}
    body = EngineProblem(message=str(error), error=name).model_dump_json()
    return Response(body, _status_of(error, name), headers, JSON)


def _name_of(error: VisopError) -> Name:
    if isinstance(error, EngineError):
        return error.name
    for kinds, name in _NAMES:
        if isinstance(error, kinds):
            return name
    if isinstance(error, DeadlinePassed):
        return "RequestError" if hasattr(error, "http_status") else "RPCExecError"
    return "RequestError" if isinstance(error, UsageError | InvalidInput | NotAllowed) else "UnexpectedError"


def _status_of(error: VisopError, name: Name) -> int:
    """That of the original; but a body that is too large, too slow or no JSON has that of HTTP."""
    return status_of(error) if name == "RequestError" else _STATUSES.get(name, 400)

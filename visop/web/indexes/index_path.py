"""The name of an index in the path of a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from visop.web.indexes.messages import IndexName

_Name = Annotated[IndexName, Path(description="Of the index.")]


def index_router(below: str = "") -> APIRouter:
    """A router below ``/v1/indexes/{name}``, whose routes have the name in the document and find it checked."""
    return APIRouter(prefix=f"/v1/indexes/{{name}}{below}", dependencies=[Depends(_declare_name)])


def name_of(request: Request) -> str:
    """The name of the index in the path of a request."""
    return str(request.path_params["name"])


async def _declare_name(name: _Name) -> None:
    """Take the name as a parameter, for the document and the check."""

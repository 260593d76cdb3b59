"""The REST interface of the analysis module, of the extractor, and of the site: they differ in the form of a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from visop.analyses.models import Analysis
from visop.analyses.routes.originals.kept_analyses import KeptAnalyses
from visop.analyses.routes.originals.numbered_pages import envelope, page_number
from visop.analyses.routes.originals.record_forms import media_path
from visop.analyses.routes.originals.refusals import NotThere
from visop.analyses.routes.originals.stored_pages import count_done, page_of_done
from visop.analyses.routes.originals.upload import Upload, modules_of, parts_of, required, upload_of
from visop.analyses.routes.owner import owner_of
from visop.http.body import JSON, Body, to_json
from visop.http.deadlines import timeout_of
from visop.http.endpoint import Endpoint, Task
from visop.http.forms import Part

_IMAGE = "image"
# What is left of a request's time when somebody who waits is told that it is not done.
_TO_ANSWER_S = 0.25


@dataclass(frozen=True)
class Interface:
    """What the interfaces differ in.

    Attributes:
        record: the form of a record, below the URL of this server.
        takes_modules: whether a request names the operators; else all are asked.
    """

    record: Callable[[Analysis, str], dict[str, Any]]
    takes_modules: bool


@dataclass(frozen=True)
class _Asked:
    """A request that makes or changes a record: its form, whose it is, and when its time is over."""

    parts: Sequence[Part]
    owner: str
    ends: float

    def left_s(self) -> float:
        """Seconds that are left for the analysis, before an answer must go out."""
        return max(0.0, self.ends - _TO_ANSWER_S - time.monotonic())


def records_router(kept: KeptAnalyses, endpoint: Endpoint, interface: Interface, prefixes: Sequence[str]) -> APIRouter:
    """The routes, below each of these prefixes: ``/`` and ``/{token}/``."""
    router, routes = APIRouter(include_in_schema=False), _Routes(kept, endpoint, interface)
    for prefix in prefixes:
        for path in {f"{prefix}/", prefix} - {""}:
            router.add_api_route(path, routes.list, methods=["GET"])
            router.add_api_route(path, routes.create, methods=["POST"])
        for path in (f"{prefix}/{{token:int}}/", f"{prefix}/{{token:int}}"):
            router.add_api_route(path, routes.read, methods=["GET"])
            router.add_api_route(path, routes.put, methods=["PUT"])
            router.add_api_route(path, routes.patch, methods=["PATCH"])
            router.add_api_route(path, routes.delete, methods=["DELETE"])
    return router


def media_router(kept: KeptAnalyses, endpoint: Endpoint) -> APIRouter:
    """The files of pictures."""
    router = APIRouter(include_in_schema=False)

    @router.get("/media/{day}/{name}")
    async def media(day: str, name: str, request: Request) -> Response:
        owner = owner_of(request)
        return await endpoint.look(request, partial(_media, kept, f"/media/{day}/{name}", owner))

    return router


class _Routes:
    def __init__(self, kept: KeptAnalyses, endpoint: Endpoint, interface: Interface) -> None:
        self._kept, self._endpoint, self._interface = kept, endpoint, interface

    async def list(self, request: Request) -> Response:
        return await self._endpoint.look(request, partial(self._listed, request, owner_of(request)))

    async def create(self, request: Request) -> Response:
        return await self._serve(request, 201, self._create)

    async def read(self, token: int, request: Request) -> Response:
        def made() -> Response:
            found = self._kept.done(_token(token), owner_of(request))
            return _json(self._interface.record(found, root_of(request)))

        return await self._endpoint.look(request, made)

    async def put(self, token: int, request: Request) -> Response:
        return await self._serve(request, 200, partial(self._replace, token, needs_picture=True))

    async def patch(self, token: int, request: Request) -> Response:
        return await self._serve(request, 200, partial(self._replace, token, needs_picture=False))

    async def delete(self, token: int, request: Request) -> Response:
        await self._endpoint.look(request, partial(self._kept.delete, _token(token), owner_of(request)))
        return Response(status_code=204)

    async def _serve(self, request: Request, status: int, make: Callable[[_Asked], Analysis]) -> Response:
        owner, root = owner_of(request), root_of(request)
        ends = time.monotonic() + timeout_of(request.headers, self._kept.context.settings.request_timeout_s)

        def parse(body: Body) -> Task:
            asked = _Asked(parts_of(body), owner, ends)
            return Task((), lambda _: to_json(self._interface.record(make(asked), root)), status=status, is_work=True)

        return await self._endpoint.serve(request, parse)

    def _create(self, asked: _Asked) -> Analysis:
        upload = required(self._checked(asked.parts), _IMAGE)
        return self._kept.create(upload, self._modules(asked.parts), asked.owner, asked.left_s())

    def _replace(self, token: int, asked: _Asked, *, needs_picture: bool) -> Analysis:
        upload = self._checked(asked.parts)
        if needs_picture:
            required(upload, _IMAGE)
        named = self._interface.takes_modules and any(part.name == "modules" for part in asked.parts)
        modules = self._modules(asked.parts) if named else ()
        return self._kept.replace(_token(token), upload, modules, asked.owner, asked.left_s())

    def _checked(self, parts: Sequence[Part]) -> Upload | None:
        upload = upload_of(parts, _IMAGE)
        if upload:
            self._kept.check(upload, _IMAGE)
        return upload

    def _modules(self, parts: Sequence[Part]) -> Sequence[str]:
        return modules_of(parts, self._kept.modules) if self._interface.takes_modules else self._kept.modules

    def _listed(self, request: Request, owner: str) -> Response:
        query, database = dict(request.query_params), self._kept.context.database
        token = _number(query["token"]) if "token" in query else None
        count = count_done(database, owner, token)
        number = page_number(query, count)
        root = root_of(request)
        found = [self._interface.record(each, root) for each in page_of_done(database, owner, number, token)]
        return _json(envelope(f"{root}{request.url.path}", query, number, count, found))


def _media(kept: KeptAnalyses, path: str, owner: str) -> Response:
    """The file of the record that the path names, if it is where the record says that it is."""
    found = kept.done(_token(_number(path.rpartition("/")[2].partition("_")[0])), owner)
    if found.picture is None or media_path(found) != path:
        raise NotThere
    return Response(kept.picture(found), media_type=found.picture.media_type)


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type=JSON)


def root_of(request: Request) -> str:
    """The URL of this server, as the client calls it."""
    return str(request.base_url).rstrip("/")


def _token(number: int) -> int:
    """A token. Raises NotThere for what no database could have as an id."""
    if not 0 < number < 1 << 63:
        raise NotThere
    return number


def _number(text: str) -> int:
    """The number that a text is; 0, which no record has, if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0

"""The paths of applications and their entities."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from visop.http.body import JSON, Body
from visop.http.endpoint import Endpoint
from visop.http.openapi import FILE, body_of
from visop.web.engine import messages
from visop.web.engine.documents import Facts
from visop.web.engine.engine_route import (
    MOST_VALUES,
    base_of,
    deadline_of,
    engine_answers,
    engine_router,
    own_pictures,
    serve,
)
from visop.web.engine.entity_writer import StoredEntity
from visop.web.engine.own_pictures import PREFIX, address_of
from visop.web.engine.service import EngineService
from visop.web.file_answer import FileAnswer

_MOST_LISTED = 10_000

# A page that does not exist is empty; SQLite counts up to here.
_MOST_PAGES = 2**31

Force = Annotated[bool, Query(description="In place of the same in the body.")]
Num = Annotated[int, Query(ge=0, le=_MOST_LISTED, description=f"Entities on a page; 0 is {_MOST_LISTED:,}.")]
Page = Annotated[int, Query(ge=0, le=_MOST_PAGES, description="From 0.")]


def application_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/application``."""
    router = engine_router(PREFIX)
    _add_applications(router, service, endpoint)
    _add_search(router, service, endpoint)
    _add_entities(router, service, endpoint)
    return router


def _add_applications(router: APIRouter, service: EngineService, endpoint: Endpoint) -> None:
    @router.get("", summary="All applications", responses=engine_answers(list[messages.Application]))
    async def every(request: Request) -> list[messages.Application]:
        """Those that were made, in their order."""
        return await endpoint.look(request, lambda: [_application(each) for each in service.applications.all()])

    @router.get("/{name}", summary="An application", responses=engine_answers(messages.Application))
    async def one(request: Request, name: str) -> messages.Application:
        """Its fields and its bucket."""
        return await endpoint.look(request, lambda: _application(service.applications.get(name)))

    @router.post(
        "/{name}",
        summary="Make an application",
        responses=engine_answers(messages.Application),
        openapi_extra=body_of({JSON: messages.NewApplication}),
    )
    async def create(request: Request, name: str) -> Response:
        """Each field of a pipeline gets an index of the store."""

        def answer(body: Body) -> messages.Application:
            new = body.json(messages.NewApplication, MOST_VALUES)
            with service.working():
                return _application(service.applications.create(name, new))

        return await serve(endpoint, request, answer)

    @router.delete(
        "/{name}",
        summary="Delete an application",
        responses=engine_answers(messages.Application),
        openapi_extra={**body_of({JSON: messages.Deletion}), "requestBody": _OPTIONAL_DELETION},
    )
    async def delete(request: Request, name: str, force: Force = False) -> Response:
        """With its indexes and the copies of its pictures. With entities, only by `force`."""

        def answer(body: Body) -> messages.Application:
            asked = body.json(messages.Deletion, MOST_VALUES).force if body.data.strip() else False
            return _application(service.applications.delete(name, force=force or asked))

        return await serve(endpoint, request, answer)


def _add_search(router: APIRouter, service: EngineService, endpoint: Endpoint) -> None:
    @router.post(
        "/{name}/upload",
        summary="Make an entity",
        responses=engine_answers(list[messages.Entity]),
        openapi_extra=body_of({JSON: messages.Upload}),
    )
    async def upload(request: Request, name: str) -> Response:
        """Of a picture for each field of a pipeline that is given, all or nothing. The answer is a list of one."""
        deadline, own = deadline_of(request, service), own_pictures(request, service)

        def answer(body: Body) -> list[messages.Entity]:
            given = body.json(messages.Upload, MOST_VALUES)
            with service.working():
                return [_entity(own.base, name, service.entities.upload(name, given.fields, deadline, own.read))]

        return await serve(endpoint, request, answer)

    @router.post(
        "/{name}/search",
        summary="The entities that are most like pictures",
        responses=engine_answers(list[messages.Entity]),
        openapi_extra=body_of({JSON: messages.Search}),
    )
    async def search(request: Request, name: str) -> Response:
        """The best first."""
        deadline, own = deadline_of(request, service), own_pictures(request, service)

        def answer(body: Body) -> list[messages.Entity]:
            asked = body.json(messages.Search, MOST_VALUES)
            with service.working():
                return [
                    _entity(own.base, name, each) for each in service.searches.search(name, asked, deadline, own.read)
                ]

        return await serve(endpoint, request, answer)


def _add_entities(router: APIRouter, service: EngineService, endpoint: Endpoint) -> None:
    @router.get("/{name}/entity", summary="Entities of an application", responses=engine_answers(list[messages.Entity]))
    async def entities(request: Request, name: str, num: Num = 10, page: Page = 0) -> list[messages.Entity]:
        """Page by page, the oldest first."""
        base = base_of(request)
        return await endpoint.look(
            request,
            lambda: [_entity(base, name, each) for each in service.entities.page(name, num or _MOST_LISTED, page)],
        )

    @router.get("/{name}/entity/count", summary="How many entities", responses=engine_answers(int))
    async def count(request: Request, name: str) -> int:
        """A number."""
        return await endpoint.look(request, lambda: service.entities.count(name))

    @router.delete("/{name}/entity/{id}", summary="Delete an entity", responses=engine_answers(messages.Entity))
    async def delete(request: Request, name: str, id: str) -> messages.Entity:  # noqa: A002 - the name in the path
        """With its vectors, and the copies of its pictures that no other one has."""
        base = base_of(request)
        return await endpoint.look(request, lambda: _entity(base, name, service.entities.delete(name, id)))

    @router.get(
        "/{name}/entity/{id}/picture/{field}",
        summary="A picture of an entity",
        response_class=Response,
        responses=engine_answers(None, description="The file.", content={"image/*": {"schema": FILE}}),
    )
    async def picture(request: Request, name: str, id: str, field: str) -> Response:  # noqa: A002 - as above
        """The file that was uploaded, or fetched; other machines get it without metadata, such as GPS data."""
        answer = await endpoint.look(
            request, lambda: FileAnswer(service.published.open(service.entities.picture(name, id, field)))
        )
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # pages of applications show it
        return answer


_OPTIONAL_DELETION = {"required": False, "content": {JSON: {"schema": messages.Deletion.model_json_schema()}}}


def _application(facts: Facts) -> messages.Application:
    return messages.Application(**facts, s3Bucket=facts["bucket"])


def _entity(base: str, application: str, entity: StoredEntity) -> messages.Entity:
    """An entity with the addresses of its pictures."""
    docs = {
        name: {"ids": doc["ids"], "url": address_of(base, application, entity.id, name)} if "picture" in doc else doc
        for name, doc in entity.docs.items()
    }
    return messages.Entity(_id=entity.id, _docs=docs)

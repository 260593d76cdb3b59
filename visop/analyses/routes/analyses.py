"""``/analyses``: make, list, read, replace, change and delete the records of analyses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from visop.analyses.context import Context
from visop.analyses.errors import WrongState
from visop.analyses.listing import Filters, newest
from visop.analyses.models import Analysis
from visop.analyses.record_json import record_json
from visop.analyses.records import Records
from visop.analyses.routes.owner import owner_of, seen_by
from visop.analyses.routes.record_messages import Record, RecordList
from visop.analyses.routes.submitted import BODIES, Names, submitted
from visop.analyses.routes.wanted import KEY, key_of, wants_async
from visop.analyses.states import State
from visop.analyses.submitting import Submitting, Wish
from visop.errors import UsageError
from visop.http.body import JSON, Body, to_json
from visop.http.deadlines import timeout_of
from visop.http.endpoint import Endpoint, Task
from visop.http.message import Message
from visop.http.openapi import CALL_PROBLEMS, READ_PROBLEMS, answers, body_of, problem_answers
from visop.http.problems import Conflict

#: The largest id that a database can have.
MOST = (1 << 63) - 1

#: In a path.
Id = Annotated[int, Path(ge=1, le=MOST, description="Of the record.")]

_ASYNC = Query(alias="async", description="Do not wait for the end, as `Prefer: respond-async`.")
_KEY = {
    "name": KEY,
    "in": "header",
    "description": "The caller's name for the request: sent again with it, it is done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`respond-async`: do not wait for the end.",
    "schema": {"type": "string"},
    "example": "respond-async",
}
_QUEUED = {202: {"model": Record, "description": "Queued, or not done in time; `Location` is where the record is."}}

# What is left of a request's time when somebody who waits is told that it is not done.
_TO_ANSWER_S = 0.25


class Change(Message):
    """What shall become of a record."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"state": "cancelled"}]})

    state: Literal["cancelled", "queued"] | None = Field(
        None, description="cancelled: end it. queued: analyse it again, later."
    )
    operators: Names = Field([], description="Analyse it again, by these.")


class Page(BaseModel):
    """Which analyses are listed."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    operator: str | None = Field(None, max_length=200, description="That they were given to.")
    label: str | None = Field(None, max_length=200, description="That was found, by `operator` if one is named.")
    job: int | None = Field(None, ge=1, le=MOST)
    created_after: datetime | None = Field(None, description="At this time or later; UTC if it names no zone.")
    created_before: datetime | None = Field(None, description="Before this time.")
    limit: int = Field(50, ge=1, le=1000)
    cursor: int | None = Field(None, ge=1, le=MOST, description="From `next` of the page before.")
    vectors: bool = Field(False, description="Whether results have their vectors.")

    def filters(self, owner: str | None) -> Filters:
        """What the database is asked for."""
        after = _in_utc("created_after", self.created_after)
        before = _in_utc("created_before", self.created_before)
        state = self.state.value if self.state else None
        return Filters(owner, state, self.operator, self.label, self.job, after, before)


@dataclass(frozen=True)
class Analyses:
    """What the routes stand on.

    Attributes:
        context: of the service.
        records: of the service.
        submitting: makes records.
    """

    context: Context
    records: Records
    submitting: Submitting


def analyses_router(analyses: Analyses, endpoint: Endpoint) -> APIRouter:
    """The routes of records."""
    router = APIRouter(tags=["analyses"])
    _add_writing(router, analyses, endpoint)
    _add_reading(router, analyses, endpoint)
    return router


def _add_writing(router: APIRouter, analyses: Analyses, endpoint: Endpoint) -> None:
    body = body_of(BODIES)
    body["parameters"] = [*body["parameters"], _PREFER]

    @router.post(
        "/analyses",
        summary="Analyse a picture, and keep the result",
        responses=answers(Record, *CALL_PROBLEMS, 409, status=201) | _QUEUED,  # type: ignore[operator]
        openapi_extra={**body, "parameters": [*body["parameters"], _KEY]},
        status_code=201,
    )
    async def create(request: Request, later: Annotated[bool | None, _ASYNC] = None) -> Response:
        """A file in a form, or `url` or `data` in JSON. A picture that cannot be analysed is a record that failed."""
        made = _Asked(analyses, request, later)
        return await endpoint.serve(request, lambda body: made.task(body, analyses.submitting.create, 201))

    @router.put(
        "/analyses/{id}",
        summary="Analyse again: the same picture, or another one",
        responses=answers(Record, *CALL_PROBLEMS, 404, 409) | _QUEUED,  # type: ignore[operator]
        openapi_extra=body,
    )
    async def replace(id: Id, request: Request, later: Annotated[bool | None, _ASYNC] = None) -> Response:  # noqa: A002
        """The results take the place of those before. Without a picture, that of the record is analysed."""
        made = _Asked(analyses, request, later)
        return await endpoint.serve(
            request, lambda body: made.task(body, lambda wish: analyses.submitting.replace(id, wish, made.seen), 200)
        )

    @router.patch(
        "/analyses/{id}",
        summary="Cancel, try again, or take other operators",
        responses=answers(Record, *CALL_PROBLEMS, 404, 409) | _QUEUED,  # type: ignore[operator]
        openapi_extra={**body_of({JSON: Change}), "parameters": body["parameters"]},
    )
    async def change(id: Id, request: Request, later: Annotated[bool | None, _ASYNC] = None) -> Response:  # noqa: A002
        """What has ended cannot be cancelled: 409."""
        made = _Asked(analyses, request, later)
        return await endpoint.serve(request, lambda body: made.change(body, id))

    @router.delete(
        "/analyses/{id}",
        summary="Delete a record, and its picture if no other record is of it",
        responses=problem_answers(*READ_PROBLEMS, 403, 404),
        status_code=204,
    )
    async def delete(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """A worker that is at work on it drops it."""
        await endpoint.look(request, lambda: analyses.records.delete(id, seen_by(request)))
        return Response(status_code=204)


def _add_reading(router: APIRouter, analyses: Analyses, endpoint: Endpoint) -> None:
    @router.get("/analyses", summary="List analyses, the newest first", responses=answers(RecordList, *READ_PROBLEMS))
    async def listed(request: Request, page: Annotated[Page, Query()]) -> Response:
        """`next` is the next page. Records that come and go meanwhile are neither skipped nor told twice."""
        return await endpoint.look(request, lambda: _listed(analyses, page, seen_by(request)))

    @router.get("/analyses/{id}", summary="One analysis", responses=answers(Record, *READ_PROBLEMS, 404))
    async def read(id: Id, request: Request, vectors: bool = True) -> Response:  # noqa: A002 - the name in the path
        """With the vectors of its results, unless `vectors` is false."""

        def made() -> Response:
            return _json(record_json(analyses.records.get(id, seen_by(request)), vectors=vectors))

        return await endpoint.look(request, made)


class _Asked:
    """One request that makes or changes a record, as its headers and its query have it."""

    def __init__(self, analyses: Analyses, request: Request, later: bool | None) -> None:
        self.analyses, self.owner, self.seen = analyses, owner_of(request), seen_by(request)
        self.key, self.waits = key_of(request.headers), not wants_async(request.headers, later)
        limit_s = analyses.context.settings.request_timeout_s
        self._deadline = time.monotonic() + timeout_of(request.headers, limit_s)

    def wish(self, body: Body) -> Wish:
        """What is asked for. Raises as ``submitted``."""
        found = submitted(body, self.analyses.context.settings.max_image_bytes)
        return Wish(
            found.given, found.source, found.operators, self.owner, found.webhook, self.key, self.waits, self.left_s()
        )

    def left_s(self) -> float:
        """Seconds that are left for it, before an answer must go out."""
        return max(0.0, self._deadline - _TO_ANSWER_S - time.monotonic())

    def task(self, body: Body, make: Callable[[Wish], Analysis], status: int) -> Task:
        """A task that analyses a picture."""
        wish = self.wish(body) if body.data else Wish(None, owner=self.owner, waits=self.waits, timeout_s=self.left_s())
        return Task((), lambda _: self._answer(lambda: make(wish), status), is_work=True)

    def change(self, body: Body, id_: int) -> Task:
        """A task that changes a record."""
        asked = body.json(Change, 1)
        if (asked.state is None) == (not asked.operators):
            raise UsageError("state", "", "send either a state or operators")

        def make() -> Analysis:
            if asked.state == "cancelled":
                return self.analyses.records.cancel(id_, self.seen)
            if asked.state == "queued":
                return self.analyses.submitting.queue_again(id_, self.seen)
            wish = Wish(None, "", asked.operators, self.owner, waits=self.waits, timeout_s=self.left_s())
            return self.analyses.submitting.replace(id_, wish, self.seen)

        return Task((), lambda _: self._answer(make, 200, changed=asked.state is not None), is_work=True)

    def _answer(self, make: Callable[[], Analysis], status: int, *, changed: bool = False) -> Response:
        """The record; 202 if somebody who wanted its end does not get it."""
        try:
            made = make()
        except WrongState as error:
            raise Conflict(str(error)) from error
        is_open = not changed and (not self.waits or not State(made.state).is_end)
        headers = {"Location": f"/analyses/{made.id}"} if is_open or status == 201 else {}
        if not self.waits and not changed:
            headers["Preference-Applied"] = "respond-async"
        return _json(record_json(made), 202 if is_open else status, headers)


def _listed(analyses: Analyses, page: Page, owner: str | None) -> Response:
    database = analyses.context.database
    found = newest(database, page.filters(owner), page.limit + 1, page.cursor, vectors=page.vectors)
    shown = found[: page.limit]
    following = _next(page, shown[-1].id) if len(found) > page.limit else None
    return _json({"analyses": [record_json(each, vectors=page.vectors) for each in shown], "next": following})


def _next(page: Page, last: int) -> str:
    query = page.model_dump(mode="json", exclude_unset=True, exclude_none=True) | {"cursor": last}
    return f"/analyses?{urlencode(query)}"


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(value), status, headers, JSON)


def _in_utc(field: str, when: datetime | None) -> datetime | None:
    if when is None:
        return None
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:  # the first and the last day have no time in UTC in each zone
        raise UsageError(field, when.isoformat(), "must be between the years 1 and 9999 in UTC") from None

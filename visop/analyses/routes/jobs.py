"""``/jobs``: many analyses that are submitted, followed and stopped together; ``/queue``: how much there is to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from visop.analyses.context import Context
from visop.analyses.depth import queue_depth
from visop.analyses.errors import WrongState
from visop.analyses.events import Events
from visop.analyses.job_json import REQUEST, job_json, jobs_json
from visop.analyses.job_results import NDJSON, PARQUET, ndjson_of, parquet_of
from visop.analyses.jobs import Jobs, NewJob
from visop.analyses.models import Job
from visop.analyses.pictures import KeptFile
from visop.analyses.reading_sources import SourceReader
from visop.analyses.record_json import record_json
from visop.analyses.records import Records
from visop.analyses.routes.analyses import MOST, Id
from visop.analyses.routes.job_messages import Added, Depth, JobList, JobRecord
from visop.analyses.routes.job_requests import BODIES, PICTURES, JobChange, JobRequest, files_of, job_of, position_of
from visop.analyses.routes.owner import owner_of, seen_by
from visop.analyses.routes.wanted import key_of
from visop.analyses.states import JobState
from visop.errors import UsageError
from visop.http.body import JSON, Body, to_json
from visop.http.endpoint import Endpoint, Task
from visop.http.forms import Part
from visop.http.openapi import CALL_PROBLEMS, READ_PROBLEMS, answers, body_of, problem_answers
from visop.http.problems import Conflict
from visop.images.fetching.web_url import canonical
from visop.images.formats.limits import check_size

_EVENTS = "text/event-stream"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events, each with the record as JSON.", "content": {_EVENTS: {}}}
}
_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "The results.", "content": {NDJSON: {}, PARQUET: {}}}}

Ended = Literal["done", "failed", "cancelled"]


@dataclass(frozen=True)
class JobService:
    """What the routes stand on.

    Attributes:
        context: of the service.
        jobs: of the service.
        records: of the service.
        reader: knows which folders may be read.
        ring: tells workers of new work. Raises BrokerUnavailable.
        has_workers: whether other processes may have operators that this one has not.
    """

    context: Context
    jobs: Jobs
    records: Records
    reader: SourceReader
    ring: Callable[[], None]
    has_workers: bool = False

    def create(self, body: Body, owner: str, key: str | None) -> Job:
        """Make the job that a body describes. Raises as ``Jobs.create``, and what is wrong with the body."""
        asked, files = job_of(body)
        if not asked.operators or not self.has_workers:
            self.context.named(list(asked.operators))
        source, webhook = asked.source.stored(), canonical(asked.webhook) if asked.webhook else None
        if place := source.get("path") or source.get("address"):
            self.reader.check(place)
        self.ring()  # before anything is stored: who is told that there is no broker may send it again
        operators = list(dict.fromkeys(asked.operators)) or list(self.context.operators)
        pictures = self.kept(files)
        source[REQUEST] = _request(asked, pictures)
        new = NewJob(operators, source, owner, asked.name, asked.priority, webhook, key, pictures)
        made = self.jobs.create(new)
        if made.source.get(REQUEST) != source[REQUEST]:
            raise Conflict(f"the key was used for another request, which made job {made.id}")
        self.ring()
        return made

    def add(self, body: Body, id_: int, owner: str | None) -> dict[str, int]:
        """Add the files of a body to an open job. Raises as ``Jobs.add_pictures``."""
        files, texts = files_of(body, ("first",))
        self.ring()
        job = self.jobs.add_pictures(id_, owner, position_of(texts.get("first")), self.kept(files))
        return {"added": len(files), "total": job.expanded}

    def change(self, asked: JobChange, id_: int, owner: str | None) -> Job:
        """Pause, go on, cancel, try again or close a job. Raises as ``Jobs`` does."""
        if sum(each is not None for each in (asked.state, asked.retry, asked.complete)) != 1:
            raise UsageError("state", "", "send one of state, retry and complete")
        if asked.complete:
            return self.jobs.complete(id_, owner)
        if asked.state == "paused":
            return self.jobs.pause(id_, owner)
        if asked.state == "cancelled":
            return self.jobs.cancel(id_, owner)
        self.ring()
        return self.jobs.retry(id_, owner) if asked.retry else self.jobs.resume(id_, owner)

    def kept(self, files: Sequence[Part]) -> list[tuple[str, KeptFile]]:
        """Keep files. What is no picture is found out when it is analysed, and is an error of that one."""
        for file in files:
            check_size(file.content, self.context.settings.max_image_bytes)
        return [(_name(each), self.context.pictures.keep(each.content)) for each in files]


def jobs_router(service: JobService, endpoint: Endpoint) -> APIRouter:
    """The routes of jobs and of the queue."""
    router = APIRouter(tags=["jobs"])
    events = Events(lambda: endpoint.closing)
    _add_writing(router, service, endpoint)
    _add_reading(router, service, endpoint)
    _add_streams(router, service, endpoint, events)
    return router


def _add_writing(router: APIRouter, service: JobService, endpoint: Endpoint) -> None:
    @router.post(
        "/jobs",
        summary="Have many pictures analysed",
        responses=answers(JobRecord, *CALL_PROBLEMS, 403, 409, status=201),
        openapi_extra=body_of(BODIES),
        status_code=201,
    )
    async def create(request: Request) -> Response:
        """URLs, a folder, a prefix, or files in a form. `{"kind": "upload"}` makes a job that takes files later."""
        owner, key = owner_of(request), key_of(request.headers)

        def parse(body: Body) -> Task:
            return _task(lambda: _made(service, service.create(body, owner, key)))

        return await endpoint.serve(request, parse)

    @router.post(
        "/jobs/{id}/pictures",
        summary="Add pictures to an open job",
        responses=answers(Added, *CALL_PROBLEMS, 404, 409),
        openapi_extra=body_of(PICTURES),
    )
    async def add(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """With `first` it may be sent again, and changes nothing then."""
        owner = seen_by(request)
        return await endpoint.serve(request, lambda body: _task(lambda: _json(service.add(body, id, owner))))

    @router.patch(
        "/jobs/{id}",
        summary="Pause, go on, cancel, try again, or close a job",
        responses=answers(JobRecord, *CALL_PROBLEMS, 404, 409),
        openapi_extra=body_of({JSON: JobChange}),
    )
    async def change(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """What is not possible in the state that the job is in: 409."""
        owner = seen_by(request)

        def parse(body: Body) -> Task:
            asked = body.json(JobChange, 1)
            return _task(lambda: _told(service, service.change(asked, id, owner)))

        return await endpoint.serve(request, parse)

    @router.delete(
        "/jobs/{id}",
        summary="Delete a job with its analyses",
        responses=problem_answers(*READ_PROBLEMS, 403, 404),
        status_code=204,
    )
    async def delete(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """And with the pictures that no other record is of."""
        await endpoint.look(request, lambda: service.jobs.delete(id, seen_by(request)))
        return Response(status_code=204)


def _add_reading(router: APIRouter, service: JobService, endpoint: Endpoint) -> None:
    @router.get("/jobs", summary="List jobs, the newest first", responses=answers(JobList, *READ_PROBLEMS))
    async def listed(
        request: Request,
        state: JobState | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    ) -> Response:
        """`next` is the next page."""
        return await endpoint.look(request, lambda: _listed(service, seen_by(request), state, limit, cursor))

    @router.get("/jobs/{id}", summary="One job", responses=answers(JobRecord, *READ_PROBLEMS, 404))
    async def read(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """With how far it is, and its most common errors."""
        return await endpoint.look(request, lambda: _told(service, service.jobs.get(id, seen_by(request))))

    @router.get("/queue", summary="How much there is to do", responses=answers(Depth, *READ_PROBLEMS))
    async def depth(request: Request) -> Response:
        """What workers are scaled by."""
        return await endpoint.look(request, lambda: _json(queue_depth(service.context.database)))


def _add_streams(router: APIRouter, service: JobService, endpoint: Endpoint, events: Events) -> None:
    database = service.context.database

    @router.get(
        "/jobs/{id}/events", summary="Follow a job", responses=_STREAM | problem_answers(*READ_PROBLEMS, 404, 429)
    )
    async def follow_job(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """Server-sent events: `job`, at once and with each change, until its end."""
        owner = seen_by(request)

        def now() -> dict[str, Any]:
            return job_json(database, service.jobs.get(id, owner))

        await endpoint.look(request, events.check)
        await endpoint.look(request, now)
        return StreamingResponse(events.stream("job", now), media_type=_EVENTS, headers=_LIVE)

    @router.get(
        "/analyses/{id}/events",
        summary="Follow an analysis",
        responses=_STREAM | problem_answers(*READ_PROBLEMS, 404, 429),
    )
    async def follow_analysis(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """Server-sent events: `analysis`, at once and with each change, until its end."""
        owner = seen_by(request)

        def now() -> dict[str, Any]:
            return record_json(service.records.get(id, owner), vectors=False)

        await endpoint.look(request, events.check)
        await endpoint.look(request, now)
        return StreamingResponse(events.stream("analysis", now), media_type=_EVENTS, headers=_LIVE)

    @router.get(
        "/jobs/{id}/results", summary="What came of a job", responses=_FILE | problem_answers(*READ_PROBLEMS, 404)
    )
    async def results(
        id: Id,  # noqa: A002 - the name in the path
        request: Request,
        format: Literal["ndjson", "parquet"] = "ndjson",  # noqa: A002 - the name in the query
        state: Ended | None = None,
    ) -> Response:
        """What has ended so far: a record per line, or in Parquet a row per picture and operator."""
        await endpoint.look(request, lambda: service.jobs.get(id, seen_by(request)))
        made: Iterator[bytes] = (parquet_of if format == "parquet" else ndjson_of)(database, id, state)
        headers = {"Content-Disposition": f'attachment; filename="job-{id}.{format}"'}
        return StreamingResponse(made, media_type=PARQUET if format == "parquet" else NDJSON, headers=headers)


_LIVE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def _task(answer: Callable[[], Response]) -> Task:
    def made(_: object) -> Response:
        try:
            return answer()
        except WrongState as error:
            raise Conflict(str(error)) from error

    return Task((), made, is_work=True)


def _made(service: JobService, job: Job) -> Response:
    return _told(service, job, 201, {"Location": f"/jobs/{job.id}"})


def _told(service: JobService, job: Job, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _json(job_json(service.context.database, job), status, headers)


def _listed(service: JobService, owner: str | None, state: JobState | None, limit: int, cursor: int | None) -> Response:
    found = service.jobs.newest(owner, state, limit + 1, cursor)
    shown = found[:limit]
    more = f"&state={state}" if state else ""
    following = f"/jobs?limit={limit}&cursor={shown[-1].id}{more}" if len(found) > limit else None
    return _json({"jobs": jobs_json(service.context.database, shown), "next": following})


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(value), status, headers, JSON)


def _request(asked: JobRequest, pictures: Sequence[tuple[str, KeptFile]]) -> str:
    """What is the same for the same request, and no other one."""
    parts = [asked.model_dump_json(), *(f"{kept.digest} {name}" for name, kept in pictures)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _name(part: Part) -> str:
    return (part.file_name or "").encode("utf-8", "replace").decode().replace("\0", "")[:255]

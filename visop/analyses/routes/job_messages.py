"""Jobs in the OpenAPI document; ``job_json`` makes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from visop.analyses.routes.record_messages import RecordError
from visop.analyses.states import JobState


class JobErrors(BaseModel):
    """An error, and how many analyses have it."""

    code: str | None
    detail: str | None
    count: int


class JobRecord(BaseModel):
    """A job."""

    id: int
    name: str
    owner: str | None = Field(None, description="The name of the token that made it, where tokens are asked for.")
    state: JobState
    operators: list[str]
    source: dict[str, Any]
    total: int | None = Field(description="How many pictures it has; null until all are listed.")
    listed: int = Field(description="How many pictures were listed so far.")
    counts: dict[str, int] = Field(description="How many analyses are in which state.")
    rate: float | None = Field(description="Analyses per second, lately.")
    seconds_left: float | None
    error: RecordError | None = Field(None, description="Why the job as a whole failed.")
    errors: list[JobErrors] = Field(description="The most common ones; none in lists.")
    created: str
    updated: str
    finished: str | None


class JobList(BaseModel):
    """A page of jobs."""

    jobs: list[JobRecord]
    next: str | None = Field(description="The next page, on this server; null for the last one.")


class Added(BaseModel):
    """What was added to an open job."""

    added: int
    total: int = Field(description="How many pictures it has now.")


class Depth(BaseModel):
    """How much there is to do."""

    queued: int
    running: int
    oldest_s: float = Field(description="How long the oldest has waited, in seconds.")

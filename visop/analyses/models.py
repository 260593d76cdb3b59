"""The tables. ``migrations`` makes them, and a test holds both to the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from visop.analyses.columns import BigId, CleanString, CleanText, UtcTime, now
from visop.analyses.states import INTERACTIVE, JobState, State


class Base(DeclarativeBase):
    """Of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcTime, dict[str, Any]: JSON, list[str]: JSON}


class Picture(Base):
    """The file of a picture, which is kept once however many analyses are of it.

    Attributes:
        digest: the SHA-256 of the file, in hexadecimal digits.
        size: of the file, in bytes.
        media_type: such as ``image/jpeg``.
        width: in pixels, upright; None if its header does not say.
        height: as ``width``.
        created: when it was first kept.
    """

    __tablename__ = "pictures"

    digest: Mapped[str] = mapped_column(CleanString(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(CleanString(100))
    width: Mapped[int | None]
    height: Mapped[int | None]
    created: Mapped[datetime] = mapped_column(default=now)


class Job(Base):
    """A batch of analyses.

    Attributes:
        owner: who submitted it; empty if nobody is told apart.
        name: for people.
        state: a ``JobState``.
        operators: the names of those that every picture is given to.
        source: where the pictures come from, as it was asked for.
        priority: of its analyses; lower comes first.
        expanded: how many pictures were listed so far.
        total: how many there are; None until all are listed.
        webhook: the URL that is told when the job ends.
        trace: the context of the request that made it, by name such as ``traceparent``; None if nothing was traced.
        error_code: why the job as a whole failed, as ``Analysis.error_code``.
        error: the same in words.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key", name="uq_jobs_owner_key"),
        Index("ix_jobs_owner_id", "owner", "id"),
        Index("ix_jobs_state", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner: Mapped[str] = mapped_column(CleanString(200), default="")
    name: Mapped[str] = mapped_column(CleanString(200), default="")
    state: Mapped[str] = mapped_column(CleanString(12), default=JobState.QUEUED)
    operators: Mapped[list[str]]
    source: Mapped[dict[str, Any]]
    priority: Mapped[int]
    expanded: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(CleanString(255))
    webhook: Mapped[str | None] = mapped_column(CleanText)
    trace: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(CleanString(64))
    lease_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(CleanString(40))
    error: Mapped[str | None] = mapped_column(CleanText)
    created: Mapped[datetime] = mapped_column(default=now)
    updated: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    finished: Mapped[datetime | None]


class Analysis(Base):
    """What one or more operators make of one picture.

    Attributes:
        owner: who asked for it; empty if nobody is told apart.
        state: a ``State``.
        priority: lower comes first.
        source: the URL that the picture comes from, or the name of its file; empty if it has none.
        digest: of its picture; None until it is fetched, or if it is no picture.
        operators: their names, in the order of the results.
        job_id: the job that it belongs to, if it does.
        item: its position in the job.
        idempotency_key: the caller's name for the request that made it.
        attempts: how often it was begun.
        losses: how often its worker was lost while it was at it.
        not_before: when it may be tried again.
        claim: who is at work on it.
        lease_until: until when that is believed.
        error_code: the name of the status of gRPC, if the analysis failed as a whole.
        error: the same in words.
        webhook: the URL that is told when it ends.
        trace: as ``Job.trace``; None of what belongs to a job.
    """

    __tablename__ = "analyses"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key", name="uq_analyses_owner_key"),
        UniqueConstraint("job_id", "item", name="uq_analyses_job_item"),
        Index("ix_analyses_work", "state", "priority", "not_before", "id"),
        Index("ix_analyses_owner_id", "owner", "id"),
        Index("ix_analyses_job_state", "job_id", "state", "id"),
        Index("ix_analyses_digest", "digest"),
        Index("ix_analyses_created", "created"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner: Mapped[str] = mapped_column(CleanString(200), default="")
    state: Mapped[str] = mapped_column(CleanString(12), default=State.QUEUED)
    priority: Mapped[int] = mapped_column(default=INTERACTIVE)
    source: Mapped[str] = mapped_column(CleanText, default="")
    digest: Mapped[str | None] = mapped_column(ForeignKey("pictures.digest"))
    operators: Mapped[list[str]]
    job_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("jobs.id", ondelete="CASCADE"))
    item: Mapped[int | None] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(CleanString(255))
    attempts: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(CleanString(64))
    lease_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(CleanString(40))
    error: Mapped[str | None] = mapped_column(CleanText)
    webhook: Mapped[str | None] = mapped_column(CleanText)
    trace: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    created: Mapped[datetime] = mapped_column(default=now)
    updated: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]

    picture: Mapped[Picture | None] = relationship()
    results: Mapped[list[Result]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="Result.id"
    )


class Result(Base):
    """What one operator made of the picture of an analysis, or why it did not.

    Attributes:
        operator: its name, as in ``Analysis.operators``.
        fingerprint: of the operator that answered.
        state: ``done`` or ``failed``.
        dimension: of its vectors, if they have one.
        vector: float32, little-endian; ``stored`` says of what.
        output: what was found, and where in ``vector`` its vectors are; see ``stored``.
        seconds: that it took.
    """

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("analysis_id", "operator", name="uq_results_analysis_operator"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    analysis_id: Mapped[int] = mapped_column(BigId, ForeignKey("analyses.id", ondelete="CASCADE"))
    operator: Mapped[str] = mapped_column(CleanString(200))
    fingerprint: Mapped[str] = mapped_column(CleanText, default="")
    state: Mapped[str] = mapped_column(CleanString(12))
    error_code: Mapped[str | None] = mapped_column(CleanString(40))
    error: Mapped[str | None] = mapped_column(CleanText)
    dimension: Mapped[int | None]
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)
    output: Mapped[dict[str, Any] | None]
    seconds: Mapped[float] = mapped_column(default=0.0)


class Label(Base):
    """The best score of a label in the result of an operator, to filter analyses by."""

    __tablename__ = "labels"
    __table_args__ = (Index("ix_labels_label", "label", "analysis_id"),)

    analysis_id: Mapped[int] = mapped_column(BigId, ForeignKey("analyses.id", ondelete="CASCADE"), primary_key=True)
    operator: Mapped[str] = mapped_column(CleanString(200), primary_key=True)
    label: Mapped[str] = mapped_column(CleanString(200), primary_key=True)
    score: Mapped[float | None]


class Delivery(Base):
    """A message to a webhook that is still to be sent, or could not be.

    Attributes:
        url: where it goes.
        body: what is said.
        state: ``queued``, ``done`` or ``failed``.
        last_error: why the last try failed.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_state", "state", "not_before"),
        Index("ix_deliveries_analysis", "analysis_id"),
        Index("ix_deliveries_job", "job_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    analysis_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("analyses.id", ondelete="CASCADE"))
    job_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("jobs.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(CleanText)
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(CleanString(64))
    lease_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(CleanString(12), default=State.QUEUED)
    last_error: Mapped[str | None] = mapped_column(CleanText)
    created: Mapped[datetime] = mapped_column(default=now)
    finished: Mapped[datetime | None]

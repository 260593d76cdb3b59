"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from visop.analyses.columns import BigId, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _pictures()
    _jobs()
    _analyses()
    _results()
    _deliveries()


def _pictures() -> None:
    op.create_table(
        "pictures",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("created", UtcTime(), nullable=False),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("operators", sa.JSON(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("expanded", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("webhook", sa.Text()),
        *_work(),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error", sa.Text()),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
        sa.Column("finished", UtcTime()),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_jobs_owner_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_owner_id", "jobs", ["owner", "id"])
    op.create_index("ix_jobs_state", "jobs", ["state"])


def _analyses() -> None:
    op.create_table(
        "analyses",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), sa.ForeignKey("pictures.digest")),
        sa.Column("operators", sa.JSON(), nullable=False),
        sa.Column("job_id", BigId, sa.ForeignKey("jobs.id", ondelete="CASCADE")),
        sa.Column("item", sa.BigInteger()),
        sa.Column("idempotency_key", sa.String(255)),
        *_work(),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error", sa.Text()),
        sa.Column("webhook", sa.Text()),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("updated", UtcTime(), nullable=False),
        sa.Column("started", UtcTime()),
        sa.Column("finished", UtcTime()),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_analyses_owner_key"),
        sa.UniqueConstraint("job_id", "item", name="uq_analyses_job_item"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_analyses_work", "analyses", ["state", "priority", "not_before", "id"])
    op.create_index("ix_analyses_owner_id", "analyses", ["owner", "id"])
    op.create_index("ix_analyses_job_state", "analyses", ["job_id", "state", "id"])
    op.create_index("ix_analyses_digest", "analyses", ["digest"])
    op.create_index("ix_analyses_created", "analyses", ["created"])


def _results() -> None:
    op.create_table(
        "results",
        sa.Column("id", BigId, primary_key=True),
        _of("analysis_id", "analyses", nullable=False),
        sa.Column("operator", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error", sa.Text()),
        sa.Column("dimension", sa.Integer()),
        sa.Column("vector", sa.LargeBinary()),
        sa.Column("output", sa.JSON()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.UniqueConstraint("analysis_id", "operator", name="uq_results_analysis_operator"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "labels",
        sa.Column(
            "analysis_id",
            BigId,
            sa.ForeignKey("analyses.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("operator", sa.String(200), primary_key=True),
        sa.Column("label", sa.String(200), primary_key=True),
        sa.Column("score", sa.Double()),
    )
    op.create_index("ix_labels_label", "labels", ["label", "analysis_id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", BigId, primary_key=True),
        _of("analysis_id", "analyses", nullable=True),
        _of("job_id", "jobs", nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        *_work(),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("finished", UtcTime()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state", "not_before"])
    op.create_index("ix_deliveries_analysis", "deliveries", ["analysis_id"])
    op.create_index("ix_deliveries_job", "deliveries", ["job_id"])


def _work() -> list[sa.Column[object]]:
    """What the queue notes of something that is worked on."""
    return [
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", UtcTime()),
        sa.Column("claim", sa.String(64)),
        sa.Column("lease_until", UtcTime()),
    ]


def _of(name: str, table: str, *, nullable: bool) -> sa.Column[object]:
    """A column with the id of a row of another table, with which it goes."""
    return sa.Column(name, BigId, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)

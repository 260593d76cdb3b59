"""Where the trace goes on that a request belonged to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column to what is queued."""
    for table in ("analyses", "jobs"):
        op.add_column(table, sa.Column("trace", sa.JSON()))

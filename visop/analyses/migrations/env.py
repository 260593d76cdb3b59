"""What Alembic runs for every command. The connection, and its transaction, are those of ``migrating``."""

from __future__ import annotations

from alembic import context

from visop.analyses.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
)
context.run_migrations()

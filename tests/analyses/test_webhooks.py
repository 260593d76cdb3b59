"""Webhooks that do not answer, and what is noted of them."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from visop.analyses.database import Database
from visop.analyses.models import Delivery
from visop.analyses.webhooks import Webhooks


def test_a_webhook_that_never_answers_holds_up_no_other(tmp_path: Path) -> None:
    together = threading.Barrier(3)

    def post(*_: object) -> int:
        together.wait(10)  # breaks, and fails the call, unless all are called at once
        return 204

    with Database(str(tmp_path / "records.db")) as database:
        database.migrate()
        with database.session() as session:
            bodies = [{"type": "job.done", "owner": ""}] * 3
            session.add_all(Delivery(url="http://127.0.0.1/", body=body) for body in bodies)
        context: Any = SimpleNamespace(database=database, fetcher=SimpleNamespace(post=post), pictures=None)
        assert Webhooks(context).send_due() == 3
        with database.reading() as session:
            assert list(session.scalars(select(Delivery.state))) == ["done"] * 3

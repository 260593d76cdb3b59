"""Claims: order, fairness, leases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.listing_jobs import analysis_of
from visop.analyses.models import Analysis, Job
from visop.analyses.queue.claims import Claim, claim, give_back, renew, sweep
from visop.analyses.queue.turns import Turns
from visop.analyses.states import BATCH, INTERACTIVE, JobState, State


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(str(tmp_path / "records.db")) as database:
        database.migrate()
        yield database


def add_job(database: Database, owner: str, count: int, state: str = JobState.RUNNING) -> int:
    with database.session() as session:
        job = Job(owner=owner, operators=["means"], source={"kind": "urls"}, priority=BATCH, state=state, total=count)
        session.add(job)
        session.flush()
        session.add_all(Analysis(**analysis_of(job, item, f"{owner}{item}")) for item in range(count))
    return job.id


def add_single(database: Database, owner: str, **values: Any) -> int:
    with database.session() as session:
        analysis = Analysis(owner=owner, operators=["means"], priority=INTERACTIVE, source=owner, **values)
        session.add(analysis)
    return analysis.id


def take(database: Database, turns: Turns, limit: int = 2, lease_s: float = 60.0) -> Claim | None:
    with database.session() as session:
        return claim(session, turns, limit=limit, lease_s=lease_s, operators=["means"])


def sources(claimed: Claim | None) -> Sequence[str]:
    return [] if claimed is None else [each.source for each in claimed.analyses]


def states(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {each.source: each.state for each in session.scalars(select(Analysis))}


def test_one_picture_comes_before_a_batch(database: Database) -> None:
    add_job(database, "a", 4)
    add_single(database, "b")
    turns = Turns()
    assert sources(take(database, turns)) == ["b"]
    assert sources(take(database, turns)) == ["a0", "a1"]


def test_owners_take_turns_whoever_has_more_jobs(database: Database) -> None:
    for _ in range(3):
        add_job(database, "many", 6)
    add_job(database, "few", 6)
    turns = Turns()
    owners = [sources(take(database, turns))[0].rstrip("0123456789") for _ in range(6)]
    assert owners == ["few", "many"] * 3


def test_the_jobs_of_an_owner_take_turns(database: Database) -> None:
    jobs = [add_job(database, "a", 4) for _ in range(2)]
    turns = Turns()
    taken = [claimed.analyses[0].job_id for _ in range(4) if (claimed := take(database, turns))]
    assert taken == [*jobs, *jobs]


def test_nothing_of_a_paused_job_is_begun(database: Database) -> None:
    add_job(database, "a", 4, JobState.PAUSED)
    assert take(database, Turns()) is None


def test_what_needs_another_operator_or_a_later_time_is_left(database: Database) -> None:
    add_single(database, "later", not_before=now() + timedelta(hours=1))
    with database.session() as session:
        session.add(Analysis(operators=["other"], source="other"))
    assert take(database, Turns()) is None


def test_two_workers_never_claim_the_same(database: Database) -> None:
    add_job(database, "a", 6)
    taken = [source for _ in range(3) for source in sources(take(database, Turns()))]
    assert sorted(taken) == [f"a{number}" for number in range(6)]
    assert take(database, Turns()) is None


def test_a_claim_that_is_not_renewed_is_lost_and_claimed_alone(database: Database) -> None:
    add_job(database, "a", 4)
    lost = take(database, Turns(), lease_s=-1.0)
    assert lost is not None
    with database.session() as session:
        assert sweep(session) == 2
        assert renew(session, lost.name, 60.0) == 0
    assert sources(take(database, Turns())) == ["a0"]
    assert sources(take(database, Turns())) == ["a1"]
    assert sources(take(database, Turns())) == ["a2", "a3"]


def test_a_renewed_claim_is_not_lost(database: Database) -> None:
    add_single(database, "a")
    claimed = take(database, Turns(), lease_s=-1.0)
    assert claimed is not None
    with database.session() as session:
        assert renew(session, claimed.name, 60.0) == 1
        assert sweep(session) == 0


def test_what_loses_its_worker_three_times_is_parked_and_says_so(database: Database) -> None:
    add_single(database, "poison")
    for _ in range(3):
        assert take(database, Turns(), lease_s=-1.0)
        with database.session() as session:
            assert sweep(session) == 1
    with database.reading() as session:
        found = session.scalars(select(Analysis)).one()
    assert (found.state, found.error_code) == (State.FAILED, "ABORTED")
    assert "lost 3 times" in (found.error or "")
    assert found.finished is not None


def test_what_is_given_back_counts_as_not_begun(database: Database) -> None:
    add_single(database, "a")
    claimed = take(database, Turns())
    assert claimed is not None
    with database.session() as session:
        give_back(session, claimed.name, [claimed.analyses[0].id])
    with database.reading() as session:
        found = session.scalars(select(Analysis)).one()
    assert (found.state, found.attempts, found.claim) == (State.QUEUED, 0, None)


def test_a_cancelled_analysis_is_not_claimed(database: Database) -> None:
    add_single(database, "a")
    with database.session() as session:
        session.execute(update(Analysis).values(state=State.CANCELLED))
    assert take(database, Turns()) is None
    assert states(database) == {"a": State.CANCELLED}

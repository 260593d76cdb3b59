"""Retention: what ended before the boundary goes with its picture, and what ended after it stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.analyses.test_records import Bench, picture
from visop.analyses.columns import now
from visop.analyses.models import Analysis, Job
from visop.analyses.retention import prune
from visop.analyses.states import JobState

KEEP = timedelta(days=30)
MOMENT = timedelta(seconds=1)


@pytest.fixture
def bench(tmp_path: Path):
    found = Bench(tmp_path)
    yield found
    found.database.close()


def ended_ago(bench: Bench, id_: int, ago: timedelta) -> int:
    with bench.database.session() as session:
        session.execute(update(Analysis).where(Analysis.id == id_).values(finished=now() - ago))
    return id_


def there(bench: Bench) -> list[int]:
    with bench.database.reading() as session:
        return list(session.scalars(select(Analysis.id)))


def test_only_what_ended_before_the_boundary_is_deleted(bench: Bench) -> None:
    old = bench.done(picture(1))
    ended_ago(bench, old.id, KEEP + MOMENT)
    young = ended_ago(bench, bench.done(picture(2)).id, KEEP - MOMENT)
    assert prune(bench.database, bench.pictures, now() - KEEP) == 1
    assert there(bench) == [young]
    assert not bench.store.has(old.digest or "", len(picture(1)))


def test_what_has_not_ended_stays_however_old_it_is(bench: Bench) -> None:
    waiting = bench.queued().id
    with bench.database.session() as session:
        session.execute(update(Analysis).values(created=now() - 10 * KEEP, updated=now() - 10 * KEEP))
    assert prune(bench.database, bench.pictures, now() - KEEP) == 0
    assert there(bench) == [waiting]


def test_a_picture_stays_that_a_younger_record_has_too(bench: Bench) -> None:
    ended_ago(bench, bench.done(picture()).id, KEEP + MOMENT)
    young = bench.done(picture())
    prune(bench.database, bench.pictures, now() - KEEP)
    assert bench.store.read(young.digest or "") == picture()


def test_more_than_one_transaction_of_old_records_goes(bench: Bench) -> None:
    with bench.database.session() as session:
        session.add_all(Analysis(operators=["a"], state="done", finished=now() - 2 * KEEP) for _ in range(450))
    assert prune(bench.database, bench.pictures, now() - KEEP) == 450


def test_a_job_goes_with_its_last_record(bench: Bench) -> None:
    old = now() - 2 * KEEP
    with bench.database.session() as session:
        jobs = [Job(operators=["a"], source={}, priority=10, state=JobState.DONE, finished=old) for _ in range(2)]
        session.add_all(jobs)
        session.flush()
        session.add(Analysis(operators=["a"], state="done", finished=old, job_id=jobs[0].id, item=0))
        session.add(Analysis(operators=["a"], state="done", finished=now(), job_id=jobs[1].id, item=0))
        kept = jobs[1].id
    prune(bench.database, bench.pictures, now() - KEEP)
    with bench.database.reading() as session:
        assert list(session.scalars(select(Job.id))) == [kept]

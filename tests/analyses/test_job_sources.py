"""Sources of jobs that are not as they should be: names that are no text, folders that are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import make_image
from visop.analyses.database import Database
from visop.analyses.listing_jobs import PAGE, list_next
from visop.analyses.models import Analysis, Delivery, Job
from visop.analyses.queue.claims import claim
from visop.analyses.queue.turns import Turns
from visop.analyses.reading_sources import SourceReader
from visop.analyses.states import JobState
from visop.errors import InvalidInput
from visop.settings import Settings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(str(tmp_path / "records.db")) as database:
        database.migrate()
        yield database


def reader_of(database: Database, folder: Path) -> SourceReader:
    context: Any = SimpleNamespace(database=database, settings=Settings())
    return SourceReader(context, [str(folder)])


def add_job(database: Database, folder: Path) -> int:
    source = {"kind": "folder", "path": str(folder)}
    with database.session() as session:
        job = Job(
            operators=["means"], source=source, state=JobState.QUEUED, priority=10, webhook="http://127.0.0.1/told"
        )
        session.add(job)
    return job.id


def test_a_file_whose_name_is_no_text_is_listed_and_read_as_any_other(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    data = make_image((1, 2, 3))
    for name in (b"a.png", b"\xff\xfe.png", b"z.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
    job, reader = add_job(database, folder), reader_of(database, folder)
    assert list_next(database, reader) == 3
    with database.reading() as session:
        sources = list(session.scalars(select(Analysis.source).where(Analysis.job_id == job)))
    assert [reader(each, job) for each in sources] == [data] * 3
    os.remove(os.fsencode(folder) + b"/\xff\xfe.png")
    odd = next(each for each in sources if each.startswith("file:"))
    with pytest.raises(InvalidInput, match="No such file"):
        reader(odd, job)


def test_what_was_listed_of_a_folder_that_went_is_made_and_the_webhook_told(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(PAGE):
        (folder / f"{number}.png").touch()
    job, reader = add_job(database, folder), reader_of(database, folder)
    assert list_next(database, reader) == PAGE
    folder.rename(tmp_path / "gone")
    assert list_next(database, reader) == 0
    with database.session() as session:
        assert session.get_one(Job, job).state == JobState.FAILED
        assert session.scalar(select(Delivery.url).where(Delivery.job_id == job)) == "http://127.0.0.1/told"
        claimed = claim(session, Turns(), limit=3, lease_s=9, operators=["means"])
    assert claimed is not None
    assert len(claimed.analyses) == 3

"""Records: made, read, changed and deleted, with the files of their pictures."""

from __future__ import annotations

import io
import os
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete, select, update

from visop.analyses.analyse import Answer
from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.errors import NoSuchAnalysis, WrongState
from visop.analyses.listing import Filters, count, newest
from visop.analyses.models import Analysis, Delivery, Job, Label, Picture
from visop.analyses.operators import OperatorResult
from visop.analyses.picture_store import PictureStore
from visop.analyses.pictures import Pictures
from visop.analyses.record_json import record_json
from visop.analyses.records import Ended, NewAnalysis, Records
from visop.analyses.states import JobState, State
from visop.analyses.stored import descriptors_of, detections_of, outcome_of, vector_of
from visop.client import FoundPart
from visop.errors import InvalidInput, ModelFailed, Unreachable
from visop.http.body import to_json
from visop.images.decode import ImageLimits
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings())


def picture(shade: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 10, 10)).save(file, "PNG")
    return file.getvalue()


class Bench:
    """Records over a database in a folder."""

    def __init__(self, folder: Path, address: str = "") -> None:
        self.database = Database(address or str(folder / "analyses.db"))
        self.database.migrate()
        self.store = PictureStore(str(folder / "pictures"))
        self.pictures = Pictures(self.database, self.store, LIMITS)
        self.records = Records(self.database, self.pictures)

    def done(self, data: bytes, *answers: Answer, **more) -> Analysis:
        outcome = outcome_of(answers or [a_vector()])
        new = NewAnalysis(["a"], kept=self.pictures.keep(data), **more)
        return self.records.create(new, Ended(outcome, answers or [a_vector()], now()))

    def queued(self, **more) -> Analysis:
        return self.records.create(NewAnalysis(["a"], kept=self.pictures.keep(picture()), **more))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def bench(request: pytest.FixtureRequest, tmp_path: Path):
    of_server = request.param == "postgresql"
    found = Bench(tmp_path, request.getfixturevalue("postgresql").new_database() if of_server else "")
    yield found
    found.database.close()


def a_vector(operator: str = "a") -> Answer:
    return Answer(operator, "fp", OperatorResult(vectors=np.array([0.6, 0.8], np.float32)), 0.1)


def detections(*found: FoundPart) -> Answer:
    return Answer("a", "fp", OperatorResult(detections=found), 0.1)


def test_a_vector_is_read_as_it_was_stored(bench: Bench) -> None:
    row = bench.done(picture()).results[0]
    np.testing.assert_array_equal(vector_of(row), np.array([0.6, 0.8], np.float32))
    assert (detections_of(row), descriptors_of(row), row.fingerprint) == (None, None, "fp")


def test_detections_are_read_as_they_were_stored(bench: Bench) -> None:
    parts = (
        FoundPart((1.0, 2.0, 3.0, 4.0), "dog", 0.9, ((1.0, 2.0),), None, np.array([1, 0], np.float32)),
        FoundPart(None, "", None),
        FoundPart((0.0, 0.0, 1.0, 1.0), "dog", 0.95, (), None, np.array([0, 1], np.float32)),
    )
    analysis = bench.done(picture(), detections(*parts))
    found = detections_of(analysis.results[0])
    assert found is not None
    assert [(each.box, each.label, each.score, each.keypoints) for each in found] == [
        (each.box, each.label, each.score, each.keypoints) for each in parts
    ]
    np.testing.assert_array_equal(found[2].vector, [0, 1])
    with bench.database.reading() as session:
        assert [(row.label, row.score) for row in session.scalars(select(Label))] == [("dog", 0.95)]


def test_what_no_database_can_hold_is_left_out_of_what_operators_and_callers_say(bench: Bench) -> None:
    part = FoundPart((0.0, 0.0, 1.0, float("nan")), "a\0\ud800", float("nan"))
    failed = Answer("b", "", InvalidInput("no\0\ud800"), 0.1)
    analysis = bench.done(picture(), Answer("a", "f\0", OperatorResult(detections=(part,)), 0.1), failed, source="\0")
    bench.records.create(NewAnalysis(["a\0"], source="\ud800"))
    found = bench.records.get(analysis.id)
    assert [each.error for each in found.results] == [None, "no\N{REPLACEMENT CHARACTER}?"]
    assert count(bench.database, Filters(label="a\0\ud800")) == 1
    assert count(bench.database, Filters(operator="a")) == 1
    assert count(bench.database, Filters(operator="\0")) == 0
    assert b"NaN" not in to_json(record_json(found))


def test_nothing_found_is_not_the_same_as_no_result(bench: Bench) -> None:
    assert detections_of(bench.done(picture(), detections()).results[0]) == []


def test_descriptors_are_read_as_they_were_stored(bench: Bench) -> None:
    vectors = {"MAC": np.array([1, 2], np.float32), "SPoC": np.array([3, 4, 5], np.float32)}
    row = bench.done(picture(), Answer("a", "fp", OperatorResult(descriptors=vectors), 0.1)).results[0]
    found = descriptors_of(row)
    assert found is not None
    assert {name: each.tolist() for name, each in found.items()} == {"MAC": [1, 2], "SPoC": [3, 4, 5]}


def test_one_operator_that_fails_does_not_fail_the_others(bench: Bench) -> None:
    analysis = bench.done(picture(), a_vector(), Answer("b", "", Unreachable("not there"), 0.1))
    assert (analysis.state, analysis.error) == (State.DONE, None)
    assert [(each.state, each.error_code) for each in analysis.results] == [("done", None), ("failed", "UNAVAILABLE")]


def test_an_analysis_without_any_result_has_failed(bench: Bench) -> None:
    failed = [Answer("a", "", Unreachable("not there"), 0.1), Answer("b", "", ModelFailed("x"), 0.1)]
    analysis = bench.done(picture(), *failed)
    assert (analysis.state, analysis.error_code) == (State.FAILED, "UNAVAILABLE")
    assert analysis.error == "a: not there; b: the model failed on this input"


def test_a_picture_is_kept_once_and_goes_with_its_last_record(bench: Bench) -> None:
    first, second = bench.done(picture()), bench.done(picture())
    digest = first.digest or ""
    assert first.picture is not None
    assert (first.picture.width, first.picture.height, first.picture.media_type) == (40, 30, "image/png")
    bench.records.delete(first.id)
    assert bench.store.read(digest) == picture()
    bench.records.delete(second.id)
    assert not bench.store.has(digest, len(picture()))
    with pytest.raises(NoSuchAnalysis):
        bench.records.get(second.id)


def test_analysing_again_replaces_the_results(bench: Bench) -> None:
    before = bench.done(picture(), detections(FoundPart((0, 0, 1, 1), "dog", 0.9)))
    after = bench.records.replace(before.id, NewAnalysis(["a"]), Ended(outcome_of([a_vector()]), [a_vector()], now()))
    assert (after.id, len(after.results), after.digest) == (before.id, 1, before.digest)
    assert vector_of(after.results[0]) is not None
    assert count(bench.database, Filters(label="dog")) == 0


def test_another_picture_takes_the_place_of_the_first_one(bench: Bench) -> None:
    before = bench.done(picture())
    after = bench.records.replace(before.id, NewAnalysis(["a"], kept=bench.pictures.keep(picture(9))))
    assert (after.state, after.results, after.digest == before.digest) == (State.QUEUED, [], False)
    assert not bench.store.has(before.digest or "", len(picture()))


def test_the_same_key_makes_one_analysis(bench: Bench) -> None:
    first = bench.done(picture(), key="k")
    assert bench.done(picture(), key="k").id == first.id
    assert count(bench.database, Filters()) == 1


def test_only_what_has_not_ended_can_be_cancelled(bench: Bench) -> None:
    queued = bench.queued()
    assert bench.records.cancel(queued.id).state == State.CANCELLED
    assert bench.records.cancel(queued.id).state == State.CANCELLED
    done = bench.done(picture())
    with pytest.raises(WrongState):
        bench.records.cancel(done.id)


def test_what_has_ended_can_be_queued_again(bench: Bench) -> None:
    again = bench.records.queue_again(bench.done(picture()).id)
    assert (again.state, again.results, again.finished) == (State.QUEUED, [], None)


def test_what_has_no_picture_cannot_be_queued_again(bench: Bench) -> None:
    failed = bench.records.create(
        NewAnalysis(["a"]), Ended(outcome_of([Answer("a", "", ModelFailed("x"), 0)]), [], now())
    )
    with pytest.raises(WrongState):
        bench.records.queue_again(failed.id)


def test_a_record_of_another_owner_is_not_there(bench: Bench) -> None:
    mine = bench.done(picture(), owner="me")
    with pytest.raises(NoSuchAnalysis):
        bench.records.get(mine.id, "you")
    with pytest.raises(NoSuchAnalysis):
        bench.records.delete(mine.id, "you")


def test_lists_are_filtered_and_come_in_pages(bench: Bench) -> None:
    dogs = [bench.done(picture(), detections(FoundPart(None, "dog", 0.5))).id for _ in range(3)]
    bench.queued()
    assert [each.id for each in newest(bench.database, Filters(label="dog"), 2)] == dogs[:0:-1]
    assert [each.id for each in newest(bench.database, Filters(label="dog"), 2, before=dogs[1])] == dogs[:1]
    assert count(bench.database, Filters(state=State.QUEUED, operator="a")) == 1
    assert count(bench.database, Filters(operator="b")) == 0
    assert count(bench.database, Filters(created_after=now())) == 0


def test_a_file_that_a_killed_process_left_is_swept_and_a_young_one_is_not(bench: Bench, tmp_path: Path) -> None:
    used = bench.done(picture(1)).digest or ""
    old, young = bench.store.keep(picture(2)), bench.store.keep(picture(3))
    for digest in (used, old):
        os.utime(bench.store.path_of(digest), (0, 0))
    assert bench.pictures.sweep() == 1
    there = {digest for digest, _ in bench.store.digests()}
    assert there == {used, young}


def test_a_row_of_a_picture_without_an_analysis_is_swept(bench: Bench) -> None:
    digest = bench.done(picture(1)).digest or ""
    with bench.database.session() as session:  # as deleting rows by hand does
        session.execute(delete(Analysis))
        session.execute(update(Picture).values(created=now() - timedelta(hours=2)))
    assert bench.pictures.sweep() == 1
    assert not bench.store.has(digest, len(picture(1)))


def test_a_webhook_is_told_of_what_was_analysed_at_once_and_of_what_was_cancelled(bench: Bench) -> None:
    done, queued = bench.done(picture(), webhook="http://x/y"), bench.queued(webhook="http://x/z")
    bench.records.cancel(queued.id)
    with bench.database.reading() as session:
        told = session.execute(select(Delivery.analysis_id, Delivery.url).order_by(Delivery.id)).all()
    assert told == [(done.id, "http://x/y"), (queued.id, "http://x/z")]


def test_a_job_that_has_ended_goes_on_for_what_is_tried_again(bench: Bench) -> None:
    with bench.database.session() as session:
        job = Job(operators=["a"], source={}, priority=10, state=JobState.DONE, finished=now())
        session.add(job)
        session.flush()
        item = Analysis(operators=["a"], state="failed", source="http://x/y.png", job_id=job.id, item=0)
        session.add(item)
    bench.records.queue_again(item.id)
    with bench.database.reading() as session:
        assert session.execute(select(Job.state, Job.finished)).one() == (JobState.RUNNING, None)


def test_a_picture_that_comes_back_while_it_is_deleted_stays(bench: Bench) -> None:
    """Two threads make and delete records of one picture; at the end every record that is left has its file."""

    def work() -> None:
        for _ in range(6):
            made = bench.done(picture()).id
            bench.records.delete(made)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    last = bench.done(picture())
    assert bench.store.read(last.digest or "") == picture()
    bench.records.delete(last.id)
    with bench.database.reading() as session:
        assert session.scalars(select(Picture)).all() == []
    assert list(bench.store.digests()) == []

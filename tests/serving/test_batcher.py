from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from typing import Any

import pytest

from tests.conftest import wait_until
from visop.errors import DeadlinePassed, ModelFailed, ShuttingDown, VisopError
from visop.serving.batcher import Batcher, Job

FOREVER = float("inf")


class Model:
    """Doubles numbers, behind a gate, and notes its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.fault: Callable[[list[int]], Sequence[Any]] | None = None

    def __call__(self, items: list[int]) -> Sequence[Any]:
        self.batches.append(items)
        self.entered.release()
        self.gate.wait()
        return self.fault(items) if self.fault else [item * 2 for item in items]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def batcher(model: Model) -> Iterator[Batcher[int, int]]:
    with Batcher(model, max_batch=4) as batcher:
        yield batcher
        model.gate.set()


def submit(
    batcher: Batcher[int, int], items: Sequence[int], deadline: float = FOREVER, **kwargs: Any
) -> list[Job[int, int]]:
    jobs = [Job[int, int](deadline, item=item, **kwargs) for item in items]
    for job in jobs:
        batcher.submit(job)
    return jobs


def hold(batcher: Batcher[int, int], model: Model) -> Job[int, int]:
    """Keep the model busy with one item, so that what comes next has to wait."""
    model.gate.clear()
    job = submit(batcher, [-1])[0]
    assert model.entered.acquire(timeout=5)
    return job


def results(jobs: Sequence[Job[int, int]]) -> list[int]:
    return [job.future.result(5) for job in jobs]


def test_every_caller_gets_its_own_answer(batcher: Batcher[int, int]) -> None:
    items = random.Random(1).sample(range(10_000), 500)
    assert results(submit(batcher, items)) == [item * 2 for item in items]


def test_an_idle_model_takes_a_lone_item_at_once(batcher: Batcher[int, int], model: Model) -> None:
    assert results(submit(batcher, [1])) == [2]
    assert model.batches == [[1]]


def test_what_waits_while_the_model_is_busy_shares_batches_up_to_the_limit(
    batcher: Batcher[int, int], model: Model
) -> None:
    hold(batcher, model)
    jobs = submit(batcher, range(10))
    model.gate.set()
    results(jobs)
    assert model.batches[1:] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [job.batch_size for job in jobs] == [4] * 8 + [2] * 2


def test_with_a_wait_time_a_batch_that_is_not_full_waits_for_more(model: Model) -> None:
    with Batcher(model, max_batch=2, max_wait_s=30) as batcher:
        first = submit(batcher, [1])
        assert not first[0].future.done()
        results(first + submit(batcher, [2]))
    assert model.batches == [[1, 2]]


def test_with_a_wait_time_a_lone_item_is_sent_when_it_is_over(model: Model) -> None:
    with Batcher(model, max_batch=2, max_wait_s=0.01) as batcher:
        assert results(submit(batcher, [1])) == [2]


def test_a_caller_that_cancels_while_queued_is_dropped_and_strands_nobody(
    batcher: Batcher[int, int], model: Model
) -> None:
    hold(batcher, model)
    jobs = submit(batcher, [1, 2, 3])
    assert jobs[1].future.cancel()
    model.gate.set()
    assert results([jobs[0], jobs[2]]) == [2, 6]
    assert model.batches[1:] == [[1, 3]]


def test_a_caller_that_cancels_while_the_model_runs_strands_nobody(batcher: Batcher[int, int], model: Model) -> None:
    running = hold(batcher, model)
    assert not running.future.cancel()
    jobs = submit(batcher, [1])
    model.gate.set()
    assert results([running, *jobs]) == [-2, 2]


def test_an_item_whose_deadline_passed_in_the_queue_never_reaches_the_model(
    batcher: Batcher[int, int], model: Model
) -> None:
    hold(batcher, model)
    late = submit(batcher, [1], deadline=time.monotonic() - 1)[0]
    fine = submit(batcher, [2])
    model.gate.set()
    assert results(fine) == [4]
    with pytest.raises(DeadlinePassed):
        late.future.result(5)
    assert model.batches[1:] == [[2]]


def test_an_item_that_breaks_the_model_fails_alone(batcher: Batcher[int, int], model: Model) -> None:
    def fault(items: list[int]) -> list[int]:
        if 2 in items:
            raise ValueError("cannot take 2")
        return [item * 2 for item in items]

    hold(batcher, model)
    jobs = submit(batcher, [1, 2, 3])
    model.fault = fault
    model.gate.set()
    assert results([jobs[0], jobs[2]]) == [2, 6]
    with pytest.raises(ModelFailed):
        jobs[1].future.result(5)


def test_an_error_in_place_of_a_result_fails_that_item_alone(batcher: Batcher[int, int], model: Model) -> None:
    model.fault = lambda items: [ModelFailed("NaN") if item == 2 else item * 2 for item in items]
    jobs = submit(batcher, [1, 2, 3])
    assert isinstance(jobs[1].future.exception(5), ModelFailed)
    assert results([jobs[0], jobs[2]]) == [2, 6]


@pytest.mark.parametrize("count", [0, 2], ids=["too few", "too many"])
def test_a_wrong_number_of_results_is_an_error_and_not_a_shift(
    batcher: Batcher[int, int], model: Model, count: int
) -> None:
    model.fault = lambda items: [0] * count
    assert isinstance(submit(batcher, [1])[0].future.exception(5), ModelFailed)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=lambda e: type(e).__name__)
def test_nothing_that_a_model_raises_ends_the_thread(
    batcher: Batcher[int, int], model: Model, error: BaseException
) -> None:
    def fault(items: list[int]) -> list[int]:
        raise error

    model.fault = fault
    assert isinstance(submit(batcher, [1])[0].future.exception(5), ModelFailed)
    model.fault = None
    assert results(submit(batcher, [1])) == [2]


def test_an_input_that_the_model_cannot_take_does_not_make_it_unhealthy(model: Model) -> None:
    model.fault = lambda items: [ModelFailed("NaN") for _ in items]
    with Batcher(model, max_batch=1) as batcher:
        wait([submit(batcher, [1])[0].future])
        assert batcher.trouble() is None


def test_a_dead_model_is_reported_and_a_recovered_one_too(model: Model) -> None:
    probed, recovered, dead = threading.Semaphore(0), threading.Event(), threading.Event()
    dead.set()

    def probe() -> None:
        probed.release()
        if dead.is_set():
            raise RuntimeError("dead")
        recovered.set()

    model.fault = lambda items: [ModelFailed("dead") for _ in items]
    with Batcher(model, max_batch=1, probe=probe, probe_interval_s=0.01) as batcher:
        submit(batcher, [1])
        assert [probed.acquire(timeout=5) for _ in range(3)] == [True] * 3
        assert batcher.trouble() == "the model failed its last check"
        dead.clear()
        assert recovered.wait(5)
        batcher.close()
        assert batcher._broken is False


def test_what_somebody_waits_for_goes_before_bulk_work(batcher: Batcher[int, int], model: Model) -> None:
    first = hold(batcher, model)
    bulk = submit(batcher, range(8), bulk=True)
    called = submit(batcher, [100, 101])
    model.gate.set()
    assert results([first, *bulk, *called]) == [-2, *(2 * item for item in range(8)), 200, 202]
    assert model.batches[1][:2] == [100, 101]


def slow(batcher: Batcher[int, int], model: Model, span_s: float) -> None:
    """Let the model take so long for one item."""
    job = hold(batcher, model)
    time.sleep(span_s)
    model.gate.set()
    job.future.result(5)
    assert model.entered.acquire(blocking=False) is False


def test_what_would_be_late_is_dropped_in_favour_of_what_is_not(batcher: Batcher[int, int], model: Model) -> None:
    slow(batcher, model, 0.5)
    first = hold(batcher, model)
    late = submit(batcher, [1], time.monotonic() + 0.4)[0]
    others = submit(batcher, [2, 3])
    model.gate.set()
    assert results([first, *others]) == [-2, 4, 6]
    with pytest.raises(DeadlinePassed, match="would have passed"):
        late.future.result(5)
    assert model.batches == [[-1], [-1], [2, 3]]


def test_one_that_would_be_late_is_tried_where_there_is_nothing_else(batcher: Batcher[int, int], model: Model) -> None:
    slow(batcher, model, 0.5)
    assert results(submit(batcher, [1], time.monotonic() + 0.4)) == [2]


def test_the_wait_is_what_waits_times_what_it_takes(batcher: Batcher[int, int], model: Model) -> None:
    assert batcher.wait_s() == 0
    slow(batcher, model, 0.2)
    first = hold(batcher, model)
    others = submit(batcher, [1, 2]) + submit(batcher, [3], bulk=True)
    assert 0.4 <= batcher.wait_s() < 4
    model.gate.set()
    results([first, *others])


def test_an_idle_model_that_breaks_is_known_before_the_next_call(model: Model) -> None:
    asked = threading.Semaphore(0)

    def probe() -> None:
        asked.release()
        raise RuntimeError("the device is lost")

    with Batcher(model, max_batch=1, probe=probe, canary_s=0.01) as batcher:
        assert asked.acquire(timeout=5)
        wait_until(lambda: batcher.trouble() == "the model failed its last check")


def test_an_idle_model_that_hangs_is_known_before_the_next_call(model: Model) -> None:
    gate = threading.Event()
    with Batcher(model, max_batch=1, probe=gate.wait, canary_s=0.01, stall_s=0.0) as batcher:
        wait_until(batcher.hangs)
        gate.set()
        wait_until(lambda: not batcher.hangs())


def test_a_model_that_hangs_is_reported(model: Model) -> None:
    with Batcher(model, max_batch=1, stall_s=0.0) as batcher:
        hold(batcher, model)
        assert batcher.trouble() == "the model has not answered for too long"
        model.gate.set()


def test_closing_finishes_what_was_submitted(model: Model) -> None:
    batcher = Batcher(model, max_batch=4)
    hold(batcher, model)
    jobs = submit(batcher, range(6))
    threading.Timer(0.05, model.gate.set).start()
    batcher.close(5)
    assert results(jobs) == [0, 2, 4, 6, 8, 10]


def test_closing_with_a_hanging_model_returns_in_time_and_fails_what_is_left(model: Model) -> None:
    batcher = Batcher(model, max_batch=4)
    running, waiting = hold(batcher, model), submit(batcher, [1])[0]
    batcher.close(0.05)
    for job in (running, waiting):
        assert isinstance(job.future.exception(0), ShuttingDown)
    model.gate.set()
    batcher.close(5)


def test_after_closing_nothing_is_taken(model: Model) -> None:
    batcher = Batcher(model, max_batch=4)
    batcher.close()
    assert isinstance(submit(batcher, [1])[0].future.exception(0), ShuttingDown)
    assert batcher.trouble() == "the model thread has ended"


def test_every_job_ends_exactly_once_however_it_ends(batcher: Batcher[int, int], model: Model) -> None:
    ended: list[int] = []
    hold(batcher, model)
    jobs = submit(batcher, range(4), on_end=lambda: ended.append(1))
    jobs[0].future.cancel()
    jobs[1].fail(VisopError("elsewhere"))
    jobs[1].fail(VisopError("twice"))
    model.gate.set()
    results(jobs[2:])
    batcher.close()
    assert len(ended) == 4


def test_cancelling_at_random_moments_loses_and_duplicates_nothing(batcher: Batcher[int, int]) -> None:
    dice = random.Random(2)
    ended: list[int] = []
    jobs: list[Job[int, int]] = []
    for item in range(2000):
        jobs += submit(batcher, [item], on_end=lambda: ended.append(1))
        if dice.random() < 0.5:
            dice.choice(jobs).future.cancel()
    batcher.close()
    assert len(ended) == 2000
    assert all(job.future.cancelled() or job.future.result(0) == item * 2 for item, job in enumerate(jobs))

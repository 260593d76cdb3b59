"""Which worker gets a call, without processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from visop.errors import Unreachable
from visop.serving.pipeline import Input
from visop.serving.steps import InputJob
from visop.serving.workers.begun import Begun, begun_memory
from visop.serving.workers.dispatch import Dispatch
from visop.serving.workers.messages import Begin, Cancel, Done, InputEnd, State
from visop.serving.workers.worker_call import WorkerCall


class StandIn:
    """A worker that does nothing."""

    def __init__(self, number: int) -> None:
        self.number, self.inputs, self.is_ready, self.state = number, 0, True, State(None, 0)
        self.calls: set[int] = set()
        self.told: list[Any] = []
        self.wrong: str | None = None
        memory = begun_memory()
        self.begun = Begun(memory)
        os.close(memory)

    def send(self, message: Any) -> None:
        self.told.append(message)

    def trouble(self) -> str | None:
        return self.wrong


@pytest.fixture
def workers() -> list[Any]:
    return [StandIn(number) for number in range(3)]


@pytest.fixture
def dispatch(workers: list[Any]) -> Dispatch:
    made = Dispatch()
    for worker in workers:
        made.add(worker)
    return made


@pytest.fixture
def call(dispatch: Dispatch) -> Callable[..., WorkerCall]:
    def begin(number: int, inputs: int = 1) -> WorkerCall:
        deadline = time.monotonic() + 10
        given = [Input(f"images[{index}]", b"") for index in range(inputs)]
        jobs = [InputJob(deadline) for _ in given]
        told = Begin(number, [], deadline, False, "", None)
        made = WorkerCall(told, given, jobs, gives_parts=False, on_cancel=dispatch.cancel)
        dispatch.begin(made)
        return made

    return begin


def in_hand(workers: list[Any]) -> list[int]:
    return [worker.inputs for worker in workers]


def test_the_worker_with_the_fewest_inputs_gets_a_call(workers: list[Any], call: Callable[..., WorkerCall]) -> None:
    for number, inputs in enumerate((8, 2, 3, 1, 1)):
        call(number, inputs)
    assert sorted(in_hand(workers)) == [3, 4, 8]


def test_of_equal_workers_each_has_its_turn(workers: list[Any], dispatch: Dispatch, call: Any) -> None:
    served = []
    for number in range(6):
        call(number)
        [served_by] = [worker for worker in workers if worker.inputs]
        served.append(served_by.number)
        dispatch.done(served_by, Done(number, [InputEnd(np.ones(1, np.float32), {}, 1)]))
    assert served == [1, 2, 0, 1, 2, 0]
    assert in_hand(workers) == [0, 0, 0]


def test_a_worker_in_trouble_gets_no_call(workers: list[Any], dispatch: Dispatch, call: Any) -> None:
    workers[0].wrong = workers[2].wrong = "the model is broken"
    for number in range(3):
        call(number)
    assert in_hand(workers) == [0, 3, 0]
    assert dispatch.trouble() is None
    workers[1].wrong = "it hangs"
    assert dispatch.trouble() == "the model is broken"
    with pytest.raises(Unreachable, match="the model is broken"):
        call(3)


def test_a_call_of_a_worker_that_ended_goes_to_another_one_once(
    workers: list[Any], dispatch: Dispatch, call: Any
) -> None:
    lost = call(7)
    for tries in (1, 2):
        assert lost.tries == tries
        dispatch.remove(next(worker for worker in workers if 7 in worker.calls), closing=lambda: False)
        workers = dispatch.workers
    with pytest.raises(Unreachable, match=r"worker [0-2], which had this call, ended; send it again"):
        lost.results()


def test_a_call_that_was_begun_fails_with_its_worker(workers: list[Any], dispatch: Dispatch, call: Any) -> None:
    lost, other = call(7), call(8)
    dead, alive = (next(each for each in workers if number in each.calls) for number in (7, 8))
    dead.begun.mark(7)
    dispatch.remove(dead, closing=lambda: False)
    with pytest.raises(Unreachable):
        lost.results()
    dispatch.done(alive, Done(8, [InputEnd(np.ones(1, np.float32), {"model": 0.5}, 3)]))
    assert other.results() == [np.ones(1)]
    assert (other.spans_s(), other.jobs[0].batch_size) == ({"model": 0.5}, 3)


def test_the_worker_of_a_cancelled_call_is_told(workers: list[Any], call: Any) -> None:
    call(7).cancel()
    [worker] = [each for each in workers if 7 in each.calls]
    assert worker.told[-1] == Cancel(7)
    assert [each.told for each in workers if each is not worker] == [[], []]


def test_a_refused_call_raises_what_its_worker_says(workers: list[Any], dispatch: Dispatch, call: Any) -> None:
    refused = call(7, 2)
    [worker] = [each for each in workers if 7 in each.calls]
    dispatch.done(worker, Done(7, refusal=Unreachable("no room")))
    with pytest.raises(Unreachable, match="no room"):
        refused.results()

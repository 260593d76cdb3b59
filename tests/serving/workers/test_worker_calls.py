"""Both ends of the sockets in this process: what a worker answers, message by message."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_image, unit, wait_until
from tests.toys import ToyOperator
from visop.errors import CallerGone, ImageDecodeError, InvalidInput, Overloaded
from visop.serving.pipeline import Pipeline
from visop.serving.workers.begun import Begun, begun_memory
from visop.serving.workers.channel import Channel
from visop.serving.workers.messages import Begin, Cancel, Decoded, Done, Seen, Stop, Wanted
from visop.serving.workers.worker_calls import WorkerCalls
from visop.settings import Settings

PICTURE = make_image((1, 2, 3))


@dataclass
class Talk:
    """With a worker."""

    front: Channel
    operator: ToyOperator
    begun: Begun

    def begin(self, *inputs: Wanted, timeout_s: float = 20.0, patient: bool = False) -> None:
        self.front.send(Begin(7, inputs, time.monotonic() + timeout_s, patient, "peer", None))

    def hear(self) -> Any:
        return self.front.receive()


@pytest.fixture
def talk() -> Iterator[Talk]:
    with talking(Settings(max_queue=8, max_items=8)) as found:
        yield found


@contextmanager
def talking(settings: Settings) -> Iterator[Talk]:
    ours, theirs = map(Channel, Pipe())
    operator, memory = ToyOperator(), begun_memory()
    begun = Begun(memory)
    os.close(memory)
    with Pipeline(operator, settings) as pipeline:
        thread = threading.Thread(target=WorkerCalls(theirs, begun, pipeline).serve)
        thread.start()
        try:
            yield Talk(ours, operator, begun)
        finally:
            operator.gate.set()
            ours.send(Stop())
            thread.join()


def wanted(value: str | bytes = PICTURE, **asked: bool) -> Wanted:
    return Wanted("images[0]", value, is_url=False, **asked)


@pytest.mark.parametrize("patient", [False, True])
def test_a_call_is_begun_and_answered_as_a_whole(talk: Talk, patient: bool) -> None:
    talk.begin(wanted(), wanted(b"text"), wanted(make_image((0, 0, 9))), patient=patient)
    wait_until(lambda: talk.begun.has(7))
    done = talk.hear()
    first, error, last = (end.result for end in done.ends)
    np.testing.assert_allclose(first, unit((1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(last, unit((0, 0, 9)), rtol=1e-6)
    assert isinstance(error, ImageDecodeError)
    assert {"decode", "model"} <= done.ends[0].spans_s.keys()
    assert done.ends[0].batch_size in (1, 2)


def test_a_call_without_inputs_is_over_at_once(talk: Talk) -> None:
    talk.begin()
    assert talk.hear() == Done(7)


def test_a_call_that_is_refused_says_why(talk: Talk) -> None:
    talk.begin(*[wanted()] * 9)
    assert isinstance(talk.hear().refusal, InvalidInput)


def test_a_call_for_which_there_is_no_room_is_refused() -> None:
    with talking(Settings(max_queue=1, max_items=1)) as talk:
        talk.operator.gate.clear()
        talk.begin(wanted())
        wait_until(lambda: talk.begun.has(7))
        talk.front.send(Begin(8, [wanted()], time.monotonic() + 20, False, "other", None))
        refused = talk.hear()
        assert (refused.call, type(refused.refusal)) == (8, Overloaded)


def test_a_cancelled_call_ends_while_the_model_is_busy(talk: Talk) -> None:
    talk.operator.gate.clear()
    talk.begin(wanted())
    wait_until(lambda: talk.begun.has(7))
    talk.operator.entered.acquire()
    talk.front.send(Begin(8, [wanted()], time.monotonic() + 20, False, "other", None))
    wait_until(lambda: talk.begun.has(8))
    talk.front.send(Cancel(8))
    done = talk.hear()
    assert (done.call, type(done.ends[0].result)) == (8, CallerGone)


def test_what_the_front_wants_to_see_is_shown_and_waited_for(talk: Talk) -> None:
    talk.begin(wanted(file=True, image=True, boxes=True))
    wait_until(lambda: talk.begun.has(7))
    shown = talk.hear()
    assert (shown.size, shown.file, shown.image.shape) == ((16, 12), PICTURE, (12, 16, 3))
    talk.front.send(Seen(7, 0, boxes=[(0.0, 0.0, 4.0, 4.0), (4.0, 4.0, 4.0, 4.0)]))
    assert len(talk.hear().ends[0].result.parts) == 2


def test_only_what_is_wanted_is_sent(talk: Talk) -> None:
    talk.begin(wanted(boxes=True))
    wait_until(lambda: talk.begun.has(7))
    shown = talk.hear()
    assert shown == Decoded(7, 0, (16, 12), None, None)
    talk.front.send(Seen(7, 0, error=InvalidInput("not this one")))
    assert str(talk.hear().ends[0].result) == "not this one"


def test_marks_of_calls_are_seen_by_both_and_fall_to_later_calls() -> None:
    memory = begun_memory()
    ours, theirs = Begun(memory), Begun(memory)
    os.close(memory)
    assert not ours.has(0)
    for call in (0, 5, 8192):
        theirs.mark(call)
    assert [call for call in (0, 4, 5, 8192) if ours.has(call)] == [5, 8192]

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from visop.serving.fair_pool import Caller, FairPool


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def test_peers_take_turns_and_so_do_the_calls_of_each(gate: threading.Event) -> None:
    done: list[str] = []
    pool = FairPool(1, "test")
    pool.submit(Caller("first"), gate.wait)  # keeps the thread until all have come
    for number in range(3):
        pool.submit(Caller("many", 1), lambda number=number: done.append(f"many 1 {number}"))  # type: ignore[misc]
    pool.submit(Caller("many", 2), lambda: done.append("many 2"))
    pool.submit(Caller("few", 3), lambda: done.append("few"))
    gate.set()
    pool.close(10)
    assert done == ["many 1 0", "few", "many 2", "many 1 1", "many 1 2"]


def test_a_peer_has_no_more_threads_than_it_may(gate: threading.Event) -> None:
    pool = FairPool(3, "test", most_per_peer=2)
    running = threading.Semaphore(0)
    other = threading.Event()

    def hang() -> None:
        running.release()
        gate.wait()

    for number in range(5):
        pool.submit(Caller("hangs", number), hang)
    assert running.acquire(timeout=10)
    assert running.acquire(timeout=10)
    pool.submit(Caller("other"), other.set)
    assert other.wait(10)
    assert not running.acquire(blocking=False)
    gate.set()
    pool.close(10)
    assert all(running.acquire(blocking=False) for _ in range(3))


def test_a_host_that_hangs_holds_up_no_other_of_the_same_call(gate: threading.Event) -> None:
    pool, other = FairPool(2, "test", most_per_host=1), threading.Event()
    for _ in range(5):
        pool.submit(Caller("one"), gate.wait, "hangs")
    pool.submit(Caller("one"), other.set, "answers")
    assert other.wait(10)
    gate.set()
    pool.close(10)


def test_what_waits_for_no_host_has_all_threads() -> None:
    pool = FairPool(4, "test", most_per_host=1)
    meeting = threading.Barrier(4)
    for number in range(4):
        pool.submit(Caller("", number), lambda: meeting.wait(10))
    pool.close(10)
    assert not meeting.broken


def test_all_threads_work_at_once() -> None:
    pool = FairPool(4, "test")
    meeting = threading.Barrier(4)
    for number in range(4):
        pool.submit(Caller("", number), lambda: meeting.wait(10))
    pool.close(10)
    assert not meeting.broken


def test_a_thread_that_has_nothing_to_do_yet_is_not_counted_for_two() -> None:
    """It is woken for the first of two, which then meets the second in another thread."""
    for _ in range(20):
        pool, done = FairPool(2, "test"), threading.Event()
        pool.submit(Caller(), done.set)
        assert done.wait(10)
        meeting = threading.Barrier(2)
        for number in range(2):
            pool.submit(Caller("", number), lambda meeting=meeting: meeting.wait(2))  # type: ignore[misc]
        pool.close(10)
        assert not meeting.broken


def test_an_idle_thread_keeps_nothing_of_its_last_work() -> None:
    class Held:
        """Stands for a picture."""

    pool, done = FairPool(1, "test"), threading.Event()
    held = Held()
    reference = weakref.ref(held)
    pool.submit(Caller(), lambda held=held: done.set())  # type: ignore[misc]
    del held
    assert done.wait(10)
    deadline = time.monotonic() + 10
    while reference() is not None and time.monotonic() < deadline:
        pass
    assert reference() is None
    pool.close(10)


def test_what_was_handed_in_is_done_before_it_closes_and_nothing_after() -> None:
    pool, done = FairPool(2, "test"), list[int]()
    for number in range(100):
        pool.submit(Caller("", number % 7), lambda number=number: done.append(number))  # type: ignore[misc]
    pool.close(10)
    pool.close(10)
    assert sorted(done) == list(range(100))
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(Caller(), lambda: None)


def test_work_that_hangs_does_not_hold_up_closing(gate: threading.Event) -> None:
    pool, begun = FairPool(2, "test"), threading.Event()

    def hang() -> None:
        begun.set()
        gate.wait()

    pool.submit(Caller(), hang)
    assert begun.wait(10)
    pool.close(0.01)
    gate.set()
    pool.close(10)


def test_bulk_work_comes_last_and_is_never_at_a_standstill(gate: threading.Event) -> None:
    done: list[str] = []
    pool, begun = FairPool(1, "test"), threading.Event()

    def keep_the_thread() -> None:
        begun.set()
        gate.wait()

    pool.submit(Caller("first"), keep_the_thread)
    assert begun.wait(10)
    for number in range(2):
        pool.submit(Caller("one", 1, bulk=True), lambda number=number: done.append(f"bulk {number}"))  # type: ignore[misc]
    for number in range(4):
        pool.submit(Caller("one", 2), lambda number=number: done.append(f"call {number}"))  # type: ignore[misc]
    gate.set()
    pool.close(10)
    assert done == ["call 0", "call 1", "call 2", "bulk 0", "call 3", "bulk 1"]


def test_bulk_work_leaves_a_thread_to_others(gate: threading.Event) -> None:
    pool, called = FairPool(2, "test", most_bulk=1), threading.Event()
    for number in range(3):
        pool.submit(Caller("", number, bulk=True), gate.wait)
    pool.submit(Caller("", 3), called.set)
    assert called.wait(10)
    gate.set()
    pool.close(10)

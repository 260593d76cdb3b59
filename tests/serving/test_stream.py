from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from visop.errors import StreamIdle
from visop.serving.stream import Window


def test_answers_come_in_the_order_of_the_requests() -> None:
    with Window(iter(range(100)), lambda n: n * 2, size=4, idle_s=5) as window:
        assert list(window) == [n * 2 for n in range(100)]


def test_a_sender_that_waits_for_each_answer_gets_it() -> None:
    requests: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    requests.put(1)
    with Window(iter(requests.get, None), lambda n: n, size=8, idle_s=5) as window:
        answers = iter(window)
        assert next(answers) == 1
        requests.put(2)
        assert next(answers) == 2
        requests.put(None)
        assert list(answers) == []


def test_no_more_than_the_window_is_read_ahead() -> None:
    read: list[int] = []
    full = threading.Event()

    def requests() -> Iterator[int]:
        for n in range(100):
            read.append(n)
            if n == 4:
                full.set()
            yield n

    with Window(requests(), lambda n: n, size=4, idle_s=5) as window:
        answers = iter(window)
        assert next(answers) == 0
        assert full.wait(5)
        assert len(read) == 5  # four started, and the one that waits for room


def test_what_the_sender_raises_comes_after_the_answers_before_it() -> None:
    def requests() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Window(requests(), lambda n: n, size=4, idle_s=5) as window:
        answers = iter(window)
        assert next(answers) == 1
        with pytest.raises(ValueError, match="broken"):
            next(answers)


def test_an_idle_sender_is_refused() -> None:
    silent: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    with Window(iter(silent.get, None), lambda n: n, size=1, idle_s=0.01) as window, pytest.raises(StreamIdle):
        next(iter(window))
    silent.put(None)


def test_leaving_early_stops_the_reader() -> None:
    with Window(iter(range(100)), lambda n: n, size=1, idle_s=5) as window:
        assert next(iter(window)) == 0
    window._thread.join(5)
    assert not window._thread.is_alive()


def test_a_request_that_arrives_after_the_end_is_not_started() -> None:
    """Its answer would go to nobody, who then sends it to another server: it would be worked on twice."""
    ended, asked = threading.Event(), threading.Event()
    started: list[int] = []

    def requests() -> Iterator[int]:
        yield 1
        asked.set()
        ended.wait()
        yield 2

    def start(request: int) -> int:
        started.append(request)
        return request

    with Window(requests(), start, size=4, idle_s=10) as window:
        asked.wait()
        window.end(StreamIdle("draining"))
        ended.set()
        answers = iter(window)
        assert next(answers) == 1
        with pytest.raises(StreamIdle, match="draining"):
            next(answers)
        window._thread.join(10)
    assert started == [1]


def test_the_end_does_not_wait_for_a_request_that_waits_for_room() -> None:
    asked, room = threading.Event(), threading.Event()

    def start(request: int) -> int:
        asked.set()
        room.wait(10)
        return request

    with Window(iter(range(3)), start, size=4, idle_s=10) as window:
        asked.wait()
        window.end(StreamIdle("draining"))
        assert not room.is_set()
        assert not window.is_open
        room.set()
        answers = iter(window)
        assert next(answers) == 0
        with pytest.raises(StreamIdle, match="draining"):
            next(answers)

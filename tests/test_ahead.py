import itertools
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import note
from visop.ahead import in_order, one_ahead, started_ahead


def test_work_is_started_so_many_steps_ahead_and_handed_over_oldest_first():
    started: list[int] = []
    steps = started_ahead(started.append, itertools.count(), 3)
    assert (next(steps), started) == ((0, None), [0, 1, 2])
    assert (next(steps), started) == ((1, None), [0, 1, 2, 3])
    assert list(started_ahead(str, range(2), 3)) == [(0, "0"), (1, "1")]


def test_results_come_in_order_with_what_they_came_from():
    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, str, range(20), 3)) == [(number, str(number)) for number in range(20)]


def test_no_more_than_the_given_number_is_under_way():
    taken: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        results = in_order(pool, slowly, (note(taken, number) for number in range(12)), 5)
        assert next(results) == (0, 0)
        assert taken == [0, 1, 2, 3, 4]
        assert list(results) == [(number, number) for number in range(1, 12)]


def test_slow_work_is_done_in_several_threads():
    with ThreadPoolExecutor(4) as pool:
        where = {thread for _, thread in in_order(pool, lambda _: slowly(threading.get_ident()), range(20), 4)}
    assert len(where - {threading.get_ident()}) == 4


def test_quick_work_is_done_without_threads_once_it_is_known_to_be_quick():
    with ThreadPoolExecutor(4) as pool:
        where = [thread for _, thread in in_order(pool, lambda _: threading.get_ident(), range(500), 4)]
    assert where[0] != threading.get_ident()
    assert where[-1] == threading.get_ident()


def test_what_is_slow_among_much_that_is_quick_is_not_done_one_after_the_other():
    here, slow = threading.get_ident(), []

    def work(item):
        if item % 3 == 0:
            slow.append(threading.get_ident())
            slowly(item)

    with ThreadPoolExecutor(4) as pool:
        list(in_order(pool, work, range(60), 4))
    assert slow.count(here) < 5


def test_an_error_of_quick_work_overtakes_no_result_that_is_still_in_a_thread():
    futures: list[Future[tuple[int, float]]] = []

    class Pool(ThreadPoolExecutor):
        def submit(self, *_: Any, **_options: Any) -> Future[Any]:
            futures.append(Future())
            if len(futures) == 7:
                for number, future in enumerate(futures[:6]):
                    future.set_result((number, 0.0))
            return futures[-1]

    def work(item):
        futures[6].set_result((6, 0.0))
        raise OSError(f"disk at {item}")

    results = in_order(Pool(), work, range(9), 10)
    assert [next(results) for _ in range(7)] == [(number, number) for number in range(7)]
    with pytest.raises(OSError, match="disk at 7"):
        next(results)


def slowly(item):
    time.sleep(0.03)
    return item


def test_an_error_of_the_work_comes_where_its_result_would():
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(pool, lambda number: 1 / number, [1, 0], 2))


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    with ThreadPoolExecutor(1) as thread:
        ahead = one_ahead(thread, items())
        assert next(ahead) == 1
        assert made.wait(30)
        assert list(ahead) == [2]


def test_an_error_while_an_item_is_made_comes_where_the_item_would():
    def items():
        yield 1
        raise OSError("disk")

    with ThreadPoolExecutor(1) as thread:
        ahead = one_ahead(thread, items())
        assert next(ahead) == 1
        with pytest.raises(OSError, match="disk"):
            next(ahead)

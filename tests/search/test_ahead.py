import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from opkit.search.ahead import in_order, one_ahead


def test_results_come_in_order_with_what_they_came_from():
    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, str, range(20), 3)) == [(number, str(number)) for number in range(20)]


def test_no_more_than_the_given_number_is_under_way():
    taken = []
    with ThreadPoolExecutor(8) as pool:
        results = in_order(pool, abs, (taken.append(number) or number for number in range(100)), 5)
        next(results)
    assert taken == [0, 1, 2, 3, 4]


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

import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.stub_operator import DIMENSION, StubOperator, serving, vector_of
from visop.client import HEALTHY
from visop.contract import OperatorInfo
from visop.encoding.pool import Encoders, open_encoders
from visop.errors import ModelFailed, OtherEncoder, Unreachable, VisopError
from visop.same_encoder import is_same_encoder
from visop.settings import Settings

OPERATOR = OperatorInfo("stub", "one", DIMENSION, "L2")


@dataclass(frozen=True)
class Item:
    data: bytes


ITEMS = [Item(b"%d" % number) for number in range(200)]


class Scripted:
    """Takes two pictures ahead, and fails for good after so many results."""

    def __init__(self, life=1_000_000, health=HEALTHY):
        self.life, self._health, self.done = life, health, 0

    def health(self):
        return self._health

    def encode_stream(self, inputs, *, batch):
        waiting = []
        for data in inputs:
            waiting.append(data)
            if len(waiting) == 2:
                yield self._result(waiting.pop(0))
        for data in waiting:
            yield self._result(data)

    def _result(self, data):
        if self.done == self.life:
            raise Unreachable("gone")
        self.done += 1
        return ModelFailed("boom") if data == b"boom" else vector_of(data)


def free_port():
    with serving(StubOperator()) as port:
        return port


def encode(*members, items=ITEMS):
    named = {str(number): member for number, member in enumerate(members)}
    return list(Encoders(OPERATOR, 1000, named).encode(items))


def check_each_once(results, items=ITEMS):
    assert Counter(item.data for item, _ in results) == Counter(item.data for item in items)
    assert all((encoded.vector == vector_of(item.data)).all() for item, encoded in results)


def test_one_encoder_answers_in_order():
    results = encode(Scripted())
    assert [item for item, _ in results] == ITEMS
    check_each_once(results)


def test_several_encoders_answer_everything_once():
    check_each_once(encode(Scripted(), Scripted(), Scripted()))


def test_what_a_failing_encoder_took_goes_to_the_others():
    check_each_once(encode(Scripted(), Scripted(life=7), Scripted(life=0)))


def test_when_all_encoders_fail_the_run_ends():
    with pytest.raises(Unreachable, match="gone"):
        encode(Scripted(life=3), Scripted(life=4))


def test_a_source_that_raises_ends_the_run_and_the_threads():
    def items():
        yield from ITEMS[:50]
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        encode(Scripted(), Scripted(), items=items())
    assert not [thread for thread in threading.enumerate() if thread.name in ("0", "1")]


def test_whoever_stops_reading_stops_the_threads():
    results = Encoders(OPERATOR, 1000, {"a": Scripted(), "b": Scripted()}).encode(ITEMS * 100)
    next(results)
    results.close()
    for thread in threading.enumerate():
        if thread.name in ("a", "b"):
            thread.join(10)
            assert not thread.is_alive()


def test_whoever_stops_reading_does_not_wait_for_an_operator_that_hangs():
    """As Ctrl-C does; and nothing is taken any more, so that whoever makes the pictures can clean up."""
    hung = StubOperator()
    hung.gate.clear()
    taken = []

    def items():
        for item in ITEMS * 100:
            taken.append(item)
            yield item

    with serving(StubOperator()) as a, serving(hung) as b:
        operators = [f"127.0.0.1:{a}", f"127.0.0.1:{b}"]
        with open_encoders(operators, Settings()) as encoders:
            source = items()
            results = encoders.encode(source)
            while not hung.requests:
                next(results)
            started = time.monotonic()
            results.close()
            source.close()
            count = len(taken)
        threads = [thread for thread in threading.enumerate() if thread.name in operators]
        for thread in threads:
            thread.join(10)
        assert time.monotonic() - started < 10
        assert not any(thread.is_alive() for thread in threads)
        assert len(taken) == count
        hung.gate.set()


@pytest.mark.parametrize("members", [1, 2])
def test_a_model_that_is_broken_ends_the_run_instead_of_failing_every_picture(members):
    with pytest.raises(VisopError, match=r"0 is not healthy: ill|1 is not healthy: ill"):
        encode(*[Scripted(health="ill") for _ in range(members)], items=[Item(b"boom")] * 5)


def test_running_operators_share_the_work_over_grpc():
    first, second = StubOperator(), StubOperator()
    with (
        serving(first) as a,
        serving(second) as b,
        open_encoders([f"127.0.0.1:{a}", f"127.0.0.1:{b}"], Settings()) as encoders,
    ):
        assert is_same_encoder(encoders.operator, OPERATOR)
        check_each_once(list(encoders.encode(ITEMS)))
    assert len(first.answered) + len(second.answered) == len(ITEMS)


def test_an_operator_that_does_not_answer_at_the_start_is_left_out(caplog):
    with serving(StubOperator()) as port:
        operators = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"]
        with open_encoders(operators, Settings()) as encoders:
            check_each_once(list(encoders.encode(ITEMS)))
    assert list(encoders.members) == [operators[1]]
    assert [record.args[0] for record in caplog.records if record.name == "visop.encoding.shared_work"] == operators[
        ::2
    ]


def test_when_no_operator_answers_at_the_start_there_is_nothing_to_do_the_work():
    with pytest.raises(Unreachable):
        open_encoders([f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"], Settings()).__enter__()


def test_operators_of_different_vectors_are_refused():
    other = StubOperator()
    other.identity.fingerprint = "two"
    with serving(StubOperator()) as a, serving(other) as b, pytest.raises(OtherEncoder, match=r"vectors of one; .*two"):
        open_encoders([f"127.0.0.1:{a}", f"127.0.0.1:{b}"], Settings()).__enter__()

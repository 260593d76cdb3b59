from __future__ import annotations

from dataclasses import dataclass

from visop.http.room import least_needed


@dataclass
class Connection:
    peer: str = "10.0.0.1"
    since: float = 0.0
    is_new: bool = False
    is_waiting: bool = True
    is_stalled: bool = False


def test_one_that_sent_nothing_goes_before_one_that_was_answered() -> None:
    idle = Connection(since=2.0, is_new=True)
    assert least_needed([Connection(since=1.0), idle]) is idle


def test_the_one_that_waits_longest_goes_first() -> None:
    oldest = Connection(since=1.0)
    assert least_needed([Connection(since=2.0), oldest]) is oldest


def test_the_peer_with_the_most_gives_first() -> None:
    one = Connection("10.0.0.2", since=1.0, is_new=True)
    many = [Connection(since=2.0), Connection(since=3.0)]
    assert least_needed([one, *many]) is many[0]


def test_a_reader_that_stalls_goes_only_if_none_waits() -> None:
    stalled, served = Connection(is_waiting=False, is_stalled=True), Connection(is_waiting=False)
    waiting = Connection(since=9.0)
    assert least_needed([stalled, served, waiting]) is waiting
    assert least_needed([stalled, served]) is stalled


def test_none_that_is_served_goes() -> None:
    assert least_needed([Connection(is_waiting=False)]) is None

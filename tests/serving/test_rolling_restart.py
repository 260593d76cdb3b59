from __future__ import annotations

import pytest

from benchmarks.rolling_restart import Replicas, run


@pytest.mark.slow
def test_two_replicas_that_are_restarted_in_turn_lose_no_call() -> None:
    with Replicas(["server.py"], {"OP_OPERATOR": "tests.toys:ToyOperator"}) as replicas:
        outcomes, _ = run(replicas, calls=1000, restarts=4, callers=8)
    assert {outcome for _, outcome in outcomes} == {""}, outcomes
    assert outcomes.total() >= 1000

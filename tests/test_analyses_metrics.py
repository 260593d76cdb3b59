"""The depth of the queue in the metrics, while the database answers and while it does not."""

from __future__ import annotations

from visop.errors import Unreachable
from visop.metrics.analyses import watched_analyses
from visop.metrics.registry import exposition


def test_a_database_that_does_not_answer_leaves_the_other_metrics() -> None:
    answers = [{"queued": 3.0, "running": 1.0, "oldest_s": 2.5}]

    def ask() -> dict[str, float]:
        if answers:
            return answers.pop()
        raise Unreachable("the database is gone")

    with watched_analyses(ask):
        assert b"visop_analyses_queued 3.0" in exposition()[0]
        text, _ = exposition()
        assert b"visop_analyses_queued" not in text
        assert b"visop_build_info" in text
    assert b"visop_analyses" not in exposition()[0]

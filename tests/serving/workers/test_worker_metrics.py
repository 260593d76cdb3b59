from __future__ import annotations

from visop.metrics.registry import REGISTRY
from visop.metrics.workers import WorkerMetrics
from visop.serving.workers.messages import State


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_metrics_are_of_the_workers_that_run_and_are_gone_with_them() -> None:
    now = [(0, "ready", State(None, 100, {"encoder": 2}), 3), (1, "starting", State(None, 50, {"encoder": 1}), 0)]
    metrics = WorkerMetrics(3, lambda: now)
    metrics.said(now[0][2])
    states = {state: sample("visop_workers", state=state) for state in ("ready", "starting", "troubled", "ended")}
    assert states == {"ready": 1, "starting": 1, "troubled": 0, "ended": 1}
    assert [sample("visop_worker_items_in_flight", worker=str(number)) for number in range(3)] == [3, 0, 0]
    assert [sample("visop_worker_resident_bytes", worker=str(number)) for number in range(3)] == [100, 50, 0]
    assert sample("visop_queue_depth", model="encoder") == 3
    metrics.close()
    assert sample("visop_workers", state="ready") is None
    assert sample("visop_queue_depth", model="encoder") == 0


def test_what_the_models_of_workers_do_is_counted_here() -> None:
    names = "visop_batch_size_sum", "visop_model_seconds_sum", "visop_dropped_before_model_total"
    before = [sample(name, model="processor") or 0.0 for name in names]
    metrics = WorkerMetrics(1, list)
    metrics.said(
        State(None, 0, {"processor": 0}, [("processor", 4, 0.5), ("processor", 2, 0.25), ("processor", 0, 0.0)])
    )
    metrics.restarted(0)
    after = [sample(name, model="processor") or 0.0 for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [6, 0.75, 1]
    assert (sample("visop_worker_restarts_total", worker="0") or 0) >= 1
    metrics.close()

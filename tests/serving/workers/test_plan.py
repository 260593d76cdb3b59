from __future__ import annotations

from typing import Any

import pytest

from visop.serving.workers.machine_facts import MachineFacts
from visop.serving.workers.plan import WorkerShare, cpu_slices, plan_workers, settings_of_front, settings_of_worker
from visop.settings import Settings

MIB = 1024 * 1024


def node(first: int, count: int) -> tuple[int, ...]:
    return tuple(range(first, first + count))


def plan(facts: MachineFacts, **settings: Any) -> tuple[WorkerShare, ...]:
    return plan_workers(Settings(**settings), facts)


@pytest.mark.parametrize(
    ("facts", "count"),
    [
        (MachineFacts((node(0, 2),), 2), 1),
        (MachineFacts((node(0, 32),), 32), 1),
        (MachineFacts((node(0, 64),), 64), 2),
        (MachineFacts((node(0, 64),), 4), 1),
        (MachineFacts((node(0, 4), node(4, 4)), 8), 1),
        (MachineFacts((node(0, 16), node(16, 16)), 32), 2),
        (MachineFacts((node(0, 16), node(16, 16)), 10), 1),
        (MachineFacts((node(0, 64), node(64, 64)), 128), 4),
        (MachineFacts((node(0, 8),), 8, ("0",)), 1),
        (MachineFacts((node(0, 8),), 8, ("0", "1", "2", "3")), 4),
    ],
    ids=["small", "one-node", "many-cores", "quota", "small-nodes", "nodes", "nodes-quota", "large", "gpu", "gpus"],
)
def test_auto_is_one_worker_per_gpu_or_node_where_that_pays(facts: MachineFacts, count: int) -> None:
    assert len(plan(facts)) == (0 if count == 1 else count)


def test_each_worker_has_a_gpu_and_its_share_of_the_cores() -> None:
    facts = MachineFacts((node(0, 16),), 16, ("0", "MIG-7"))
    assert plan(facts) == (WorkerShare(0, 8, gpu="0"), WorkerShare(1, 8, gpu="MIG-7"))
    assert [each.gpu for each in plan(facts, workers="3")] == ["0", "MIG-7", "0"]


def test_a_model_on_the_cpu_leaves_gpus_alone() -> None:
    facts = MachineFacts((node(0, 16),), 16, ("0", "1"))
    assert plan(facts, device="cpu") == ()
    assert [each.gpu for each in plan(facts, device="cpu", workers="2")] == ["", ""]


def test_workers_on_cpus_have_the_cpus_of_one_node_each() -> None:
    nodes = node(0, 16), node(16, 16)
    assert plan(MachineFacts(nodes, 32)) == (WorkerShare(0, 16, nodes[0]), WorkerShare(1, 16, nodes[1]))


def test_a_number_that_is_asked_for_is_held_to() -> None:
    facts = MachineFacts((node(0, 2),), 2)
    assert plan(facts, workers="1") == ()
    assert plan(facts, workers="2") == (WorkerShare(0, 1, (0,)), WorkerShare(1, 1, (1,)))
    assert [each.cpus for each in plan(facts, workers="3")] == [(0,), (0,), (1,)]


def test_a_quota_is_shared_though_it_hides_no_cpu() -> None:
    assert [each.cores for each in plan(MachineFacts((node(0, 64),), 16), workers="4")] == [4, 4, 4, 4]


def test_nodes_are_divided_or_put_together_so_that_few_workers_have_several() -> None:
    nodes = [node(0, 4), node(4, 4), node(8, 4), node(12, 4)]
    assert cpu_slices(nodes, 2) == [node(0, 8), node(8, 8)]
    assert cpu_slices(nodes[:2], 4) == [node(0, 2), node(2, 2), node(4, 2), node(6, 2)]
    assert sorted(sum(cpu_slices(nodes[:2], 3), ())) == list(range(8))


def test_an_encoder_elsewhere_needs_no_workers() -> None:
    facts = MachineFacts((node(0, 64), node(64, 64)), 128)
    assert plan(facts, processor="regions:10", encoder="10.0.0.8:50051") == ()


def test_what_workers_share_is_divided_and_what_is_set_of_each_is_not() -> None:
    settings = Settings(fetch_workers=9, max_large_bytes=64 * MIB, decode_workers=3)
    told = settings_of_worker(settings, WorkerShare(1, 4), 2)
    assert (told.threads, told.decode_workers, told.fetch_workers, told.max_large_bytes) == (4, 3, 5, 32 * MIB)


def test_the_front_holds_half_as_many_bytes_for_a_worker_holds_them_too() -> None:
    front = settings_of_front(Settings(max_message_bytes=30 * MIB), 2)
    alone = settings_of_front(Settings(), 0)
    assert (front.workers, alone.workers, alone.max_bytes_in_flight) == ("2", "1", 0)
    assert 30 * MIB <= front.max_bytes_in_flight <= 256 * MIB
    assert settings_of_front(Settings(max_bytes_in_flight=200 * MIB), 2).max_bytes_in_flight == 200 * MIB

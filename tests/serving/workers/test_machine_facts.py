from __future__ import annotations

from pathlib import Path

import pytest

from visop.serving.workers.machine_facts import MachineFacts, _gpus, _nodes, cpus_of


def made(root: Path, **files: str) -> Path:
    for name, text in files.items():
        (root / name).mkdir(parents=True)
        (root / name / "cpulist").write_text(text)
    return root


def test_nodes_have_the_cpus_that_this_process_may_use(tmp_path: Path) -> None:
    folder = made(tmp_path, node0="0-3,8\n", node1="4-7\n", node2="\n")
    assert _nodes(folder, {0, 1, 4, 5, 8}) == ((0, 1, 8), (4, 5))


def test_without_numa_nodes_there_is_one_with_all_cpus(tmp_path: Path) -> None:
    assert _nodes(tmp_path, {1, 0}) == ((0, 1),)
    assert _nodes(made(tmp_path, node0="broken"), {1, 0}) == ((0, 1),)


@pytest.mark.parametrize(("text", "cpus"), [("0-2,5", {0, 1, 2, 5}), ("7\n", {7}), ("\n", set())])
def test_a_list_of_cpus_is_read_as_linux_writes_it(text: str, cpus: set[int]) -> None:
    assert cpus_of(text) == cpus


def test_gpus_are_the_devices_unless_cuda_is_told_otherwise(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert _gpus({}, tmp_path) == ("0", "1")
    assert _gpus({"CUDA_VISIBLE_DEVICES": "1,MIG-3"}, tmp_path) == ("1", "MIG-3")
    assert _gpus({"CUDA_VISIBLE_DEVICES": "0,-1,1"}, tmp_path) == ("0",)
    assert _gpus({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ()


def test_the_facts_of_this_machine_agree_with_each_other() -> None:
    facts = MachineFacts.of_this_machine()
    assert 1 <= facts.cores <= sum(map(len, facts.nodes))

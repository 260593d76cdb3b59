from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from visop.machine import has_any_instructions, memory_limit, usable_cores

Cgroups = Callable[[dict[str, str]], tuple[Path, Path]]

OWN = "4:memory:/one/two\n2:cpu,cpuacct:/one/two\n1:name=systemd:/three\n0::/one/two\n"


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cgroups:
    """Make a machine with 8 cores and cgroups of these files: where they are, and which are those of the process."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def make(files: dict[str, str]) -> tuple[Path, Path]:
        for name, text in files.items():
            (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "root" / name).write_text(text)
        (tmp_path / "own").write_text(OWN)
        return tmp_path / "root", tmp_path / "own"

    return make


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("5000 100000", 1),
        ("6400000 100000", 8),
        ("max 100000", 8),
        ("", 8),
    ],
)
def test_the_quota_of_a_container_limits_the_cores(text: str, cores: int, cgroups: Cgroups) -> None:
    assert usable_cores(*cgroups({"cpu.max": text})) == cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"one/cpu.max": "300000 100000", "one/two/cpu.max": "max 100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/one/two/cpu.cfs_quota_us": "300000", "cpu/one/two/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_the_quota_is_that_of_the_least_cgroup(files: dict[str, str], cores: int, cgroups: Cgroups) -> None:
    assert usable_cores(*cgroups(files)) == cores


def test_without_a_quota_all_cores_of_the_process_are_usable(cgroups: Cgroups) -> None:
    assert usable_cores(*cgroups({})) == 8


@pytest.mark.parametrize(
    ("names", "expected"), [(("avx2",), True), (("amx_int8", "avx_vnni"), True), (("vnni",), False), ((), False)]
)
def test_instructions_are_those_that_linux_names(names: tuple[str, ...], expected: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: vnni\nflags\t\t: fpu avx2 avx_vnni\n\nprocessor\t: 1\n"
    )
    assert has_any_instructions(*names, cpuinfo=tmp_path / "cpuinfo") == expected


def test_where_nothing_tells_there_are_no_instructions(tmp_path: Path) -> None:
    assert not has_any_instructions("avx2", cpuinfo=tmp_path / "none")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": "67108864\n"}, 67108864),
        ({"memory/memory.limit_in_bytes": "67108864\n"}, 67108864),
        ({"memory/memory.limit_in_bytes": "67108864", "memory/one/two/memory.limit_in_bytes": "33554432"}, 33554432),
        ({"memory/three/memory.limit_in_bytes": "1", "memory.max": "67108864"}, 67108864),
        ({"memory.max": "max\n", "one/memory.max": "67108864\n", "one/two/memory.max": "max\n"}, 67108864),
        ({"one/two/memory.max": "33554432", "one/memory.max": "67108864"}, 33554432),
    ],
)
def test_the_memory_is_that_of_the_least_cgroup(files: dict[str, str], expected: int, cgroups: Cgroups) -> None:
    assert memory_limit(*cgroups(files)) == expected


def test_without_a_cgroup_the_memory_is_that_of_the_machine(tmp_path: Path) -> None:
    machine = memory_limit(tmp_path, tmp_path / "own")
    assert machine is None or machine > 2**28
    (tmp_path / "memory.max").write_text(str(2**62))  # as version 1 says it, where there is none
    assert memory_limit(tmp_path, tmp_path / "own") == machine

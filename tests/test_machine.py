from __future__ import annotations

import os
from pathlib import Path

import pytest

from visop.machine import has_any_instructions, usable_cores


@pytest.fixture
def quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8 cores; the file is its quota."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path / "cpu.max"


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
def test_the_quota_of_a_container_limits_the_cores(text: str, cores: int, quota: Path) -> None:
    quota.write_text(text)
    assert usable_cores(quota) == cores


def test_without_a_quota_all_cores_of_the_process_are_usable(quota: Path) -> None:
    assert usable_cores(quota) == 8


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

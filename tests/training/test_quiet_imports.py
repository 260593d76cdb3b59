"""Libraries are quiet while they are imported."""

from __future__ import annotations

import os

import pytest

from visop.training.quiet_imports import without_chatter


def test_of_what_native_code_prints_only_errors_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795894757.108910    6023 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"E0000 00:00:1795894757.108910    6023 cuda.cc:1] no driver\n")
    assert capfd.readouterr().err == "E0000 00:00:1795894757.108910    6023 cuda.cc:1] no driver\n"

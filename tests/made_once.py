"""What takes long to make is made once for all processes in which the tests run."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

MakeOnce = Callable[[str, Callable[[Path], object]], Path]

_FINISHED = ".finished"


def shared_folder(temporary: pytest.TempPathFactory) -> Path:
    """The folder of this run. The workers of pytest-xdist have one each in it."""
    own = temporary.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(shared: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder of ``shared``, which whoever needs it first makes; others wait until it is made."""
    folder = shared / name
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _FINISHED).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / _FINISHED).touch()
    return folder

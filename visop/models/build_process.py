"""Run a program of ours that builds a network with Keras.

A program of its own, so that the process that serves never imports Keras: it would stay in memory, and decide for the
operator of a user which backend of Keras is loaded.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from visop.errors import UsageError, WeightsError

logger = logging.getLogger(__name__)

#: Of a build, in seconds: enough for a large model on a slow machine.
LIMIT_S = 600.0

#: The status that ends a program which refuses the weights, the reason on stdout; 2 is what argparse ends with.
REFUSED = 3


def build(name: str, module: str, arguments: Sequence[str], path: Path, timeout_s: float = LIMIT_S) -> None:
    """Run ``python -m MODULE ARGUMENTS``, with Keras on OpenVINO.

    Args:
        name: what is built, for errors.
        module: the program.
        arguments: of it.
        path: of what it writes, for errors.
        timeout_s: the longest time that it may take, in seconds.

    Raises:
        WeightsError: the program refused the weights.
        UsageError: it failed, or took too long.
    """
    done = _run(name, [sys.executable, "-P", "-m", module, *arguments], timeout_s)
    if done.returncode == REFUSED:
        raise WeightsError("", "", done.stdout.strip())
    if done.returncode != 0:
        logger.error("building %s failed:\n%s", name, done.stderr)
        last_line = done.stderr.strip().rpartition("\n")[2]
        free = f"{shutil.disk_usage(path.parent).free >> 20} MiB are free in {path.parent}"
        raise UsageError("", "", f"building {name} ended with status {done.returncode} ({free}): {last_line}")


def _run(name: str, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="visop-") as keras_home:
        environment = {
            "KERAS_BACKEND": "openvino",
            "KERAS_HOME": keras_home,  # a person's keras.json could change the vectors
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # what is found here is found there
        }
        try:
            return subprocess.run(  # noqa: S603 - a module of ours, no shell
                command, env=os.environ | environment, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired as error:
            raise UsageError("", "", f"building {name} took more than {timeout_s:g} s") from error

"""Write the networks for OpenVINO: ``python -m visop.processors.mtcnn.export FOLDER``.

A program of its own, so that the process that serves never imports Keras.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visop.errors import UsageError
from visop.models.telemetry import switch_off_telemetry
from visop.processors.mtcnn.weights import O_NET, P_NET, R_NET, WeightsFile, read_weights, weights_folder

_LIMIT_S = 300.0


def export_in_subprocess(folder: Path) -> None:
    """Write ``pnet.xml``, ``rnet.xml`` and ``onet.xml``, with their weights, into a folder.

    Raises:
        UsageError: the program failed.
    """
    with tempfile.TemporaryDirectory(prefix="visop-") as keras_home:
        environment = {
            "KERAS_BACKEND": "openvino",
            "KERAS_HOME": keras_home,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = [sys.executable, "-P", "-m", __name__, str(folder)]
        done = subprocess.run(  # noqa: S603 - this very file, no shell
            command, env=os.environ | environment, capture_output=True, text=True, timeout=_LIMIT_S
        )
    if done.returncode != 0:
        raise UsageError("", "", f"building faces failed: {done.stderr.strip().rpartition(chr(10))[2]}")


def export(folder: Path) -> None:
    """Do it in this process."""
    switch_off_telemetry()
    import keras

    keras.config.set_image_data_format("channels_first")
    from visop.processors.mtcnn.networks import build_o_net, build_p_net, build_r_net

    build: dict[WeightsFile, Callable[..., Any]] = {P_NET: build_p_net, R_NET: build_r_net, O_NET: build_o_net}
    for file, network in build.items():
        model = network(read_weights(file, weights_folder()))
        model.export(str(folder / Path(file.name).with_suffix(".xml")), format="openvino", verbose=False)


if __name__ == "__main__":
    export(Path(sys.argv[1]))

"""Write the networks for OpenVINO: ``python -m visop.processors.mtcnn.export FOLDER``.

``visop.models.build_process`` says why it is a program of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visop.models.build_process import build
from visop.models.telemetry import switch_off_telemetry
from visop.processors.mtcnn.weights import O_NET, P_NET, R_NET, WeightsFile, read_weights, weights_folder


def export_in_subprocess(folder: Path) -> None:
    """Write ``pnet.xml``, ``rnet.xml`` and ``onet.xml``, with their weights, into a folder.

    Raises:
        UsageError: the program failed.
    """
    build("faces", __name__, [str(folder)], folder)


def export(folder: Path) -> None:
    """Do it in this process."""
    switch_off_telemetry()
    import keras

    keras.config.set_image_data_format("channels_first")
    from visop.processors.mtcnn.networks import build_o_net, build_p_net, build_r_net

    builders: dict[WeightsFile, Callable[..., Any]] = {P_NET: build_p_net, R_NET: build_r_net, O_NET: build_o_net}
    for file, network in builders.items():
        model = network(read_weights(file, weights_folder()))
        model.export(str(folder / Path(file.name).with_suffix(".xml")), format="openvino", verbose=False)


if __name__ == "__main__":
    export(Path(sys.argv[1]))

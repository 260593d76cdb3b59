"""Write an SSD for OpenVINO: ``python -m visop.processors.ssd.export MODEL WEIGHTS SHA256 FILE.xml``.

``visop.models.build_process`` says why it is a program of its own, and what its statuses mean.
"""

from __future__ import annotations

import sys
from pathlib import Path

from visop.errors import WeightsError
from visop.models.build_process import REFUSED, build
from visop.models.telemetry import switch_off_telemetry
from visop.processors.ssd.weights import SsdWeights, find_ssd_weights

MODEL_FILE = "ssd.xml"


def export_in_subprocess(weights: SsdWeights, folder: Path) -> None:
    """Write ``ssd.xml``, with its weights, into a folder.

    Raises:
        WeightsError: the file does not fit, or is not the one that was found at the start.
        UsageError: the program failed.
    """
    source = str(weights.path.absolute()) if weights.path else "random"
    path = folder / MODEL_FILE
    build(weights.network.name, __name__, [weights.network.name, source, weights.sha256, str(path)], path)


def export(weights: SsdWeights, path: Path) -> None:
    """Do it in this process, which must not have imported Keras with another backend."""
    tensors = weights.tensors()
    switch_off_telemetry()
    import keras

    keras.config.set_image_data_format("channels_first")  # as OpenVINO computes
    from visop.processors.ssd.network import set_tensors

    model = weights.network.build()
    set_tensors(model, tensors)
    model.export(str(path), format="openvino", verbose=False)


def main(model: str, source: str, sha256: str, path: str) -> int:
    """Run the program."""
    try:
        weights = find_ssd_weights(model, source, Path())
        if weights.sha256 != sha256:
            raise WeightsError("", "", f"{source} changed while it was read; start again")
        export(weights, Path(path))
    except WeightsError as error:
        sys.stdout.write(f"{error}\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

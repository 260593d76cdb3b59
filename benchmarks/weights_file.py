"""Provide one weights file for all candidates, so that they compute the same thing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from visop.models.registry import find_model
from visop.models.weights import find_weights


def weights_file(model: str, weights: str, folder: Path) -> Path:
    """Return the file of ``imagenet`` or of a path; for ``random``, write one to ``folder``.

    Raises:
        WeightsError: there is no such file.
        subprocess.CalledProcessError: the random weights could not be written.
    """
    found = find_weights(find_model(model), weights, Path("data"))
    if found.path is not None:
        return found.path.resolve()
    path = folder / f"{model}-random.weights.h5"
    # In a separate process, because the choice of a Keras backend applies to a whole process.
    command = [sys.executable, "-m", __name__, model, str(path)]
    subprocess.run(command, check=True, env=os.environ | {"KERAS_BACKEND": "openvino"})
    return path


def main() -> None:
    """Write the random weights of MODEL to FILE (the two arguments)."""
    from visop.models.graph import build_backbone
    from visop.models.random_weights import set_random_weights

    model, path = sys.argv[1:]
    backbone = build_backbone(find_model(model))
    set_random_weights(backbone)
    backbone.save_weights(path)


if __name__ == "__main__":
    main()

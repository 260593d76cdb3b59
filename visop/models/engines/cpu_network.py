"""A network of any kind, compiled for this machine's processor by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.models.engines.library import openvino
from visop.models.registry import Precision


class CpuNetwork:
    """One input, one output. One thread calls it.

    Args:
        file: the OpenVINO IR.
        precision: of the arithmetic.
        threads: of the processor; 0 is all cores.
    """

    def __init__(self, file: Path, precision: Precision, threads: int) -> None:
        ov = openvino()
        from visop.models.engines.openvino import cpu_options

        compiled = ov.Core().compile_model(file, "CPU", cpu_options(precision, threads))
        self._request: Any = compiled.create_infer_request()

    def __call__(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """What it answers, an array of the caller's own."""
        return np.array(self._request.infer([inputs], share_inputs=True)[0])

    def close(self) -> None:
        """Give back memory and threads."""
        self._request = None

"""An encoder of windows on the CPU: one pass over a larger picture, a vector for each window. See ``WindowEncoder``."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from visop.contract import Image
from visop.errors import UsageError
from visop.images.decode import resize_image
from visop.models.engines.compiled import compiled_model
from visop.models.engines.cpu_network import CpuNetwork
from visop.models.engines.device import wants_gpu
from visop.models.engines.engine import EngineOptions
from visop.models.engines.library import openvino
from visop.models.export import MODEL_FILE, export_windows_in_subprocess
from visop.models.fingerprint import graph_key
from visop.models.registry import DEFAULT_MODEL, ModelSpec
from visop.models.weights import Weights
from visop.models.windows import Windows


class CpuWindowEncoder:
    """Compiled for one size of its input, so that no picture makes it compile anew.

    Args:
        spec: of the encoder, in its own size, with its pooling.
        weights: of the encoder.
        resize: how a picture is brought to the size.
        windows: what is pooled.
        options: as of the encoder, so that it computes in the same precision.

    Raises:
        UsageError: windows of this encoder cannot be pooled here.
    """

    def __init__(
        self,
        spec: ModelSpec,
        weights: Weights,
        resize: Literal["bilinear", "nearest"],
        windows: Windows,
        options: EngineOptions,
    ) -> None:
        if spec.name != DEFAULT_MODEL:
            raise UsageError("", "", f"{spec.name} does not take pictures of other sizes")
        if spec.pooling != "gem":
            raise UsageError("", "", f"the pooling of the encoder is {spec.pooling}, and windows are pooled with gem")
        if wants_gpu(options.device):
            raise UsageError("", "", "the encoder computes on a GPU")
        self._spec, self._weights, self._resize = spec, weights, resize
        self._windows, self._options = windows, options

    def load(self) -> None:
        """Compile it, or take what an earlier start compiled."""
        openvino()
        from visop.models.engines.openvino import cpu_precision, runtime_of

        precision = cpu_precision(self._spec, self._weights, self._options.precision)
        runtime = f"{runtime_of(self._weights, precision)} {self._windows}"
        key = graph_key(self._spec, self._weights, "gem-windows", runtime)
        build = partial(
            export_windows_in_subprocess, self._spec, self._weights, self._windows, quantised=precision == "int8"
        )
        with compiled_model(self._options.cache_dir, key, build) as folder:
            self._network = CpuNetwork(folder / MODEL_FILE, precision, self._options.threads)

    def resized(self, image: Image) -> Image:
        """See ``WindowEncoder``."""
        return resize_image(image, self._windows.side, self._windows.side, self._resize)

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """See ``WindowEncoder``."""
        return self._network(images)

    def close(self) -> None:
        """Give back memory and threads."""
        self._network.close()

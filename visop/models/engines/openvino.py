"""The CPU engine: OpenVINO, which sits on the hardware's limit in every precision (see benchmarks)."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

from visop.machine import has_any_instructions, usable_cores
from visop.models.engines.compiled import compiled_model
from visop.models.engines.engine import EngineOptions
from visop.models.export import MODEL_FILE, export_in_subprocess
from visop.models.fingerprint import graph_key
from visop.models.precision import choose_precision
from visop.models.registry import ModelSpec, Precision, ServedPooling
from visop.models.weights import Weights

# One picture fills all cores already (measured: VGG19 no faster at 32 than at 1, MobileNetV2 1.2x at 8), and memory
# grows with the batch: VGG19 in f32 takes 360 MiB at 1, 580 MiB at 8, 1.1 GiB at 32.
DEFAULT_BATCH = 8

# OpenVINO lists int8 everywhere. Without these, pairs of products are added in 16 bits, which they may not fit into,
# and that changes vectors (https://oneapi-src.github.io/oneDNN/dev_guide_int8_computations.html).
_INT8 = ("avx512_vnni", "avx_vnni", "amx_int8")


class OpenVinoEngine:
    """A model compiled for this machine's CPU; see ``Engine``."""

    device = "cpu"

    def __init__(self, spec: ModelSpec, weights: Weights, pooling: ServedPooling, options: EngineOptions) -> None:
        core = ov.Core()
        self.precision = cpu_precision(spec, weights, options.precision)
        quantised = self.precision == "int8"
        self.max_batch = options.max_batch or DEFAULT_BATCH
        with compiled_model(
            options.cache_dir,
            graph_key(spec, weights, pooling, runtime_of(weights, self.precision)),
            lambda folder: export_in_subprocess(spec, weights, pooling, folder, quantised=quantised),
        ) as folder:
            model = core.compile_model(folder / MODEL_FILE, "CPU", cpu_options(self.precision, options.threads))
        self._request: Any = model.create_infer_request()
        self(np.zeros((1, spec.height, spec.width, 3), np.uint8))

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Encode a batch; see ``Engine``."""
        results = self._request.infer([images], share_inputs=True)
        vectors: npt.NDArray[np.float32] = results[0]
        return vectors

    def close(self) -> None:
        """Give back memory and threads."""
        self._request = None


def cpu_precision(spec: ModelSpec, weights: Weights, asked: Literal["auto"] | Precision) -> Precision:
    """The precision of an encoder on this machine's processor. Raises as ``choose_precision``."""
    return choose_precision(
        asked,
        spec,
        native=native_precisions(),
        device="this processor",
        has_ranges=bool(weights.ranges_sha256),
    )


def runtime_of(weights: Weights, precision: Precision) -> str:
    """What a compiled graph is for, as part of ``graph_key``."""
    return f"openvino {ov.__version__}" + (f" int8 {weights.ranges_sha256}" if precision == "int8" else "")


def native_precisions() -> set[Precision]:
    """What this processor has instructions for."""
    native: set[Precision] = {"f32"}
    # Listed where there are instructions for it (AVX512_BF16, AMX, AVX_NE_CONVERT), not where it is emulated.
    if "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        native.add("bf16")
    if has_any_instructions(*_INT8):
        native.add("int8")
    return native


def cpu_options(precision: Precision, threads: int) -> dict[str, object]:
    """How a model is compiled: in this precision, for so many threads, or all cores if 0."""
    options: dict[str, object] = {
        # Never left out: OpenVINO's own choice is bf16 wherever the processor has it. A quantised graph says itself
        # what is in int8; the rest is in f32, so that its vectors are the same on every processor.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        # THROUGHPUT would run two pictures side by side, each at half the speed, for 1 to 3 % more.
        "PERFORMANCE_HINT": "LATENCY",
    }
    limit = threads or usable_cores()
    if limit < (os.cpu_count() or 1):
        options["INFERENCE_NUM_THREADS"] = limit
        # A limited number of threads is pinned to the same first cores in every process of a machine.
        options["ENABLE_CPU_PINNING"] = False
    return options

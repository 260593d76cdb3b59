"""Build an encoder with Keras and write it for OpenVINO or as an encoder file: ``python -m visop.models.export``.

``build_process`` says why it is a program of its own, and what its statuses mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from visop.contract import Image
from visop.errors import WeightsError
from visop.models.build_process import LIMIT_S, REFUSED, build
from visop.models.encoder_file import write_encoder_file
from visop.models.encoder_header import RANGES
from visop.models.registry import ModelSpec, Pooling, ServedPooling, find_model
from visop.models.telemetry import switch_off_telemetry
from visop.models.tensor_file import SUFFIX, Tensors
from visop.models.weights import Weights
from visop.models.windows import Windows

MODEL_FILE = "model.xml"

# Ranges for eight bits are the largest of all pictures' percentiles. Measured once, by hand, for edited photographs and
# an earlier state of the embedded encoder, mean centred cosine with f32: 0.9954 with maxima, 0.9976 with the 99.95th;
# 0.9945 with the 99.6th of 32 pictures. Recall hardly differs: 0.928 with the 99.95th, 0.927 with the 99.99th.
PERCENTILE = 99.95


def export_in_subprocess(
    spec: ModelSpec,
    weights: Weights,
    pooling: ServedPooling,
    folder: Path,
    *,
    quantised: bool = False,
    timeout_s: float = LIMIT_S,
) -> None:
    """Write ``model.xml`` and ``model.bin``, the OpenVINO IR in f32, into ``folder``.

    Args:
        spec: the model.
        weights: its weights.
        pooling: of the feature map.
        folder: is there.
        quantised: whether its convolutions are to compute in eight bits; the weights have the ranges for it.
        timeout_s: the longest time that the build may take, in seconds.

    Raises:
        WeightsError: the weights do not fit the model.
        UsageError: the model could not be built or written.
    """
    options = ["--quantise"] if quantised else []
    _export_in_subprocess(spec, weights, pooling, folder / MODEL_FILE, options, timeout_s)


def export_windows_in_subprocess(
    spec: ModelSpec, weights: Weights, windows: Windows, folder: Path, *, quantised: bool = False
) -> None:
    """Write the graph of an encoder of windows as ``export_in_subprocess`` does. Raises the same."""
    options = ["--windows", json.dumps([windows.side, *windows.each]), *(["--quantise"] if quantised else [])]
    _export_in_subprocess(spec, weights, "gem", folder / MODEL_FILE, options, LIMIT_S)


def convert_in_subprocess(
    spec: ModelSpec, weights: Weights, pooling: Pooling, path: Path, pictures: Sequence[Image] = ()
) -> None:
    """Write weights of any kind as an encoder file, with an empty card.

    Args:
        spec: the model.
        weights: its weights.
        pooling: of the feature map.
        path: the encoder file.
        pictures: (height, width, 3) uint8 RGB each, to measure the ranges for eight bits with; none measures none.

    Raises:
        WeightsError: the weights do not fit the model.
        UsageError: the model could not be built or written.
    """
    with tempfile.TemporaryDirectory(prefix="visop-") as folder:
        file = Path(folder) / "pictures.npy"
        np.save(file, np.asarray(pictures, np.uint8))
        options = ["--pictures", str(file)] if len(pictures) else []
        _export_in_subprocess(spec, weights, pooling, path, options, LIMIT_S)


def _export_in_subprocess(
    spec: ModelSpec, weights: Weights, pooling: ServedPooling, path: Path, options: Sequence[str], timeout_s: float
) -> None:
    source = [str(weights.path.absolute()), weights.sha256] if weights.path else []
    build(spec.name, __name__, [*options, spec.name, pooling, str(path), *source], path, timeout_s)


def export(
    spec: ModelSpec,
    weights: Weights,
    pooling: ServedPooling,
    path: Path,
    *,
    quantised: bool = False,
    pictures: Sequence[Image] = (),
    windows: Windows | None = None,
) -> None:
    """Do it in this process, which must not have imported Keras with another backend."""
    switch_off_telemetry()
    import keras

    # OpenVINO computes channels first. Channels last would put a transposition on both sides of every layer, not all of
    # which it removes: measured 1.3x (VGG19) to 4x (MobileNetV2) slower. The layout of weights is the same for both.
    keras.config.set_image_data_format("channels_first")

    from visop.models.graph import build_backbone, build_encoder, build_window_encoder
    from visop.models.loading import backbone_tensors, load_weights

    if windows:
        spec = replace(spec, height=windows.side, width=windows.side)
    backbone = build_backbone(spec)
    rest = load_weights(spec, backbone, weights)
    encoder = (
        build_window_encoder(spec, backbone, windows, rest) if windows else build_encoder(spec, backbone, pooling, rest)
    )
    tensors = {**backbone_tensors(backbone), **rest}
    if path.suffix == SUFFIX:
        if pooling == "descriptors":
            raise WeightsError("", "", f"{path}: an encoder file is of one vector, not of several descriptors")
        tensors |= _measured(encoder, tensors, pictures) if len(pictures) else {}
        dimension = encoder.output_shape[-1]
        write_encoder_file(path, model=spec.name, pooling=pooling, dimension=dimension, tensors=tensors, card={})
    else:
        _write_graph(encoder, tensors, path, quantised=quantised)


def _write_graph(encoder: Any, tensors: Tensors, path: Path, *, quantised: bool) -> None:
    import openvino as ov

    from visop.models.engines.ranges import quantise

    with _graph(encoder, path.parent) as model:
        if quantised:
            quantise(model, _kernels(tensors), _named(tensors, RANGES))
        ov.save_model(model, path, compress_to_fp16=False)


def _measured(encoder: Any, tensors: Tensors, pictures: Sequence[Image]) -> Tensors:
    from visop.models.engines.ranges import measure_ranges

    with tempfile.TemporaryDirectory(prefix="visop-") as folder, _graph(encoder, Path(folder)) as model:
        ranges = measure_ranges(model, _kernels(tensors), pictures, PERCENTILE)
        return {RANGES + layer: low_high for layer, low_high in ranges.items()}


@contextmanager
def _graph(encoder: Any, folder: Path) -> Iterator[Any]:
    """The OpenVINO model of an encoder. It is mapped from a draft in a folder in ``folder``, which goes in the end."""
    import openvino as ov

    from visop.models.engines.ranges import fold_constants

    with tempfile.TemporaryDirectory(dir=folder) as drafts:
        draft = Path(drafts) / MODEL_FILE
        encoder.export(str(draft), format="openvino", verbose=False)
        model = ov.Core().read_model(draft)
        fold_constants(model)
        yield model


def _kernels(tensors: Tensors) -> Tensors:
    """The kernels of convolutions by layer."""
    kernels = _named(tensors, "backbone/", "/kernel")
    return {layer: kernel for layer, kernel in kernels.items() if kernel.ndim == 4}


def _named(tensors: Tensors, before: str, after: str = "") -> Tensors:
    """The tensors whose names begin and end so, by what is between."""
    return {
        name.removeprefix(before).removesuffix(after): tensor
        for name, tensor in tensors.items()
        if name.startswith(before) and name.endswith(after)
    }


def _windows(text: str) -> Windows:
    side, *each = json.loads(text)
    return Windows(side, tuple((x, y, w, h) for x, y, w, h in each))


def main(arguments: list[str]) -> int:
    """Run the program; without a weights file, the weights are random."""
    parser = argparse.ArgumentParser(prog="python -m visop.models.export")
    parser.add_argument("model")
    parser.add_argument("pooling", choices=[*get_args(Pooling), "descriptors"])
    parser.add_argument("path", type=Path, help=f"what to write: an OpenVINO IR, or, if it ends in {SUFFIX}, that")
    parser.add_argument("weights", type=Path, nargs="?")
    parser.add_argument("sha256", nargs="?", default="")
    parser.add_argument("--quantise", action="store_true", help="let the convolutions of the IR compute in eight bits")
    parser.add_argument("--pictures", type=Path, help="measure the ranges for that with these, (N, H, W, 3) in a .npy")
    parser.add_argument("--windows", type=_windows, help="pool these, with gem: [side, [x, y, w, h], ...] in JSON")
    args = parser.parse_args(arguments)
    try:
        weights, pictures = Weights("file", args.weights, args.sha256), np.load(args.pictures) if args.pictures else ()
        spec = find_model(args.model)
        options = {"quantised": args.quantise, "pictures": pictures, "windows": args.windows}
        export(spec, weights, args.pooling, args.path, **options)
    except WeightsError as error:
        sys.stdout.write(f"{error}\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

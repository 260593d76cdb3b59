"""Measure the milliseconds per photograph from JPEG file to model input, next to those of the model itself.

    python -m benchmarks.decode
    python -m benchmarks.decode --megapixels 0.3 1 12 24 --repeats 20

  visop, bilinear     the default: large JPEGs are decoded at a reduced scale, then resized with antialiasing
  visop, nearest      OP_RESIZE=nearest, which gives the vectors of the original operators
  keras load_img      the function that the original operators call: full decode, nearest
  plain Pillow        the usual way: open, convert to RGB, resize with antialiasing
  base64, ...         the step before these: visop's base64 decoder, and that of the standard library
  the model, ...      one image on all cores

Everything but the model runs in one thread; the service decodes in one thread per core. For each photograph, the steps
run in random order. The results are medians over all photographs and repeats.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from benchmarks.photos import jpeg_photos
from benchmarks.raw_engine import image_limits
from benchmarks.report import machine_facts, markdown_table
from visop.images.base64_text import decode_base64
from visop.images.decode import decode_image
from visop.models.registry import MODELS, find_model
from visop.serving.operators import load_encoder
from visop.settings import Settings

_MAX_BYTES = 100 * 2**20

# A step to measure; gets a photograph as a file and as base64.
Step = Callable[[bytes, str], object]


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        steps = _steps(args.model, Path(folder))
        columns = [_median_ms(steps, jpeg_photos(size), args.repeats) for size in args.megapixels]
    print(f"{args.model}; median ms per photograph, JPEG quality 90\n")
    header = ("step", *(f"{size:g} megapixels" for size in args.megapixels))
    print(markdown_table(header, [(name, *(f"{column[name]:.2f}" for column in columns)) for name in steps]))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vgg19", choices=MODELS, help="default: vgg19; weights are random")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 12], metavar="M", help="default: 1 12")
    parser.add_argument("--repeats", type=int, default=5, help="runs for each photograph; default: 5")
    return parser.parse_args()


def _steps(model: str, folder: Path) -> dict[str, Step]:
    spec = find_model(model)
    size = (spec.height, spec.width)
    return {
        "visop, bilinear": _visop(Settings(model=model, weights="random", resize="bilinear")),
        "visop, nearest": _visop(Settings(model=model, weights="random", resize="nearest")),
        "keras load_img": _keras(size),
        "plain Pillow": lambda file, _: _pillow(file, size),
        "base64, visop": lambda _, text: decode_base64(text, _MAX_BYTES),
        "base64, standard library": lambda _, text: base64.b64decode(text),
        "the model, bf16": _model(Settings(model=model, weights="random", precision="bf16", cache_dir=folder)),
        "the model, f32": _model(Settings(model=model, weights="random", precision="f32", cache_dir=folder)),
    }


def _visop(settings: Settings) -> Step:
    operator, limits = load_encoder(settings), image_limits(settings)
    return lambda file, _: operator.preprocess(decode_image(file, limits, operator.decode_side))


def _keras(size: tuple[int, int]) -> Step:
    # ``load_img`` uses only Pillow, whatever the backend; this backend avoids loading TensorFlow.
    os.environ["KERAS_BACKEND"] = "openvino"
    from keras.utils import img_to_array, load_img

    return lambda file, _: img_to_array(load_img(io.BytesIO(file), target_size=size))


def _pillow(file: bytes, size: tuple[int, int]) -> object:
    image = PILImage.open(io.BytesIO(file)).convert("RGB")
    return np.asarray(image.resize(size[::-1], PILImage.Resampling.BILINEAR))


def _model(settings: Settings) -> Step:
    operator = load_encoder(settings)
    operator.load()
    spec = find_model(settings.model)
    images = np.full((1, spec.height, spec.width, 3), 128, np.uint8)
    return lambda *_: operator.infer(images)


def _median_ms(steps: dict[str, Step], photos: Sequence[bytes], repeats: int) -> dict[str, float]:
    rng = random.Random(0)
    spans_ms: dict[str, list[float]] = defaultdict(list)
    for file in [*photos] * repeats:
        text = base64.b64encode(file).decode()
        for name in rng.sample(
            list(steps), len(steps)
        ):  # in random order, because a step after the model has cold caches
            started = time.perf_counter()
            steps[name](file, text)
            spans_ms[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(spans) for name, spans in spans_ms.items()}


if __name__ == "__main__":
    main()

"""Measure both ways to encode the regions of a picture: each cut out, or all pooled from one larger pass.

    python -m benchmarks.regions
    python -m benchmarks.regions --pictures 64 --rounds 2      # a quick look

*Cut out* is what ``OP_PROCESSOR=regions:N`` does: every window is cut out of the picture at full resolution and goes
through the encoder. *Pooled* brings the whole picture to a larger size, at which a window has the pixels that the
encoder takes (384 for windows of half a side, 576 for a third, 768 for a quarter), lets the network see it once, and
pools the map of each window alone: the same filters and the same pixels, but the contrast of the whole picture and not
that of the window, and neighbours across its edges. *+ whole* encodes the whole picture in the usual size beside it.

The gallery is generated pictures and crops of photographs that do not overlap. Queries are cuts of a half and a quarter
of each side at random places, as JPEG of quality 85. A picture counts as much as the best of its parts; recall@1 is the
share of the queries whose own picture comes first. Milliseconds are of processor time, of all threads, for one picture
from its pixels to its vectors, in rounds that take turns; the gain is in mean recall above that of whole pictures, by
millisecond above theirs.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.photos import photo_crops
from benchmarks.report import machine_facts, markdown_table, median_and_range
from visop.contract import Image
from visop.detection import Box
from visop.images.crops import crop
from visop.images.decode import resize_image
from visop.models.built_in_encoder import BuiltInEncoder
from visop.models.encoder_header import RANGES
from visop.models.engines.openvino import cpu_options
from visop.models.selection import Selection
from visop.processors.regions import region_boxes
from visop.serving.operators import load_model
from visop.settings import Settings
from visop.synthetic.generate import SERIES, generate_picture

Vectors = npt.NDArray[np.float32]
Parts = Callable[[Image], Vectors]

_SHARES = (0.5, 0.25)
# At which the smallest windows of a scheme have the pixels that the encoder takes.
_SIDES = {10: 384, 26: 576, 62: 768}
# Of the maps, in pixels of the input: of the picture as it is, at half, and at a quarter of the size.
_STRIDES = (16, 32, 64)


@dataclass
class Way:
    """One way to make vectors of a picture, and what was measured of it."""

    name: str
    parts: Parts
    rounds_ms: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    settings = Settings(model="embedded", precision=args.precision)
    encoder = BuiltInEncoder(settings)
    load_model(encoder)
    gallery = _gallery(args.pictures)
    ways = _ways(encoder, settings, args.regions)
    queries = [[cut for picture in gallery for cut in _cuts(picture, share)] for share in _SHARES]
    asked = [np.stack(encoder.bulk_execute(cuts)) for cuts in queries]
    for way in ways:
        parts = [way.parts(picture) for picture in gallery]
        way.recalls += [_recall(vectors, parts) for vectors in asked]
        print(f"{way.name}: recall {way.recalls}", file=sys.stderr, flush=True)
    _time(ways, gallery[:: max(1, len(gallery) // 16)], args.rounds)
    print(f"{len(gallery)} pictures, 2 cuts of each for each size; {encoder.precision}\n")
    print(_table(ways))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200, help="of each of the two kinds, at most; default: 200")
    parser.add_argument("--regions", type=int, nargs="+", default=[10, 26, 62], choices=list(_SIDES), metavar="N")
    parser.add_argument("--precision", default="auto", choices=("auto", "f32", "bf16", "int8"), help="default: auto")
    parser.add_argument("--rounds", type=int, default=5, help="of timing; default: 5")
    return parser.parse_args()


def _gallery(count: int) -> list[Image]:
    generated = [generate_picture(SERIES * number, 512) for number in range(count)]
    crops = [np.asarray(picture.convert("RGB")) for _, picture in photo_crops()]
    return generated + crops[:: math.ceil(len(crops) / count)]


def _cuts(picture: Image, share: float) -> Iterator[Image]:
    rng = np.random.default_rng(picture.size)
    height, width = picture.shape[:2]
    for _ in range(2):
        rows, columns = round(height * share), round(width * share)
        top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
        file = io.BytesIO()
        PILImage.fromarray(picture[top : top + rows, left : left + columns]).save(file, "JPEG", quality=85)
        yield np.asarray(PILImage.open(file))


def _ways(encoder: BuiltInEncoder, settings: Settings, counts: Sequence[int]) -> list[Way]:
    def cut_out(count: int) -> Parts:
        def parts(picture: Image) -> Vectors:
            size = picture.shape[1], picture.shape[0]
            return np.stack(encoder.bulk_execute([crop(picture, box, size) for box in region_boxes(count, size)]))

        return parts

    def pooled(count: int, side: int, *, whole: bool) -> Parts:
        network = _PooledNetwork(settings, encoder.precision, count, side)
        if not whole:
            return network
        return lambda picture: np.vstack([encoder.execute(picture)[None], network(picture)])

    ways = [Way("whole", lambda picture: encoder.execute(picture)[None])]
    for count in counts:
        side = _SIDES[count]
        ways.append(Way(f"regions:{count}, cut out", cut_out(count)))
        ways.append(Way(f"regions:{count}, pooled at {side}", pooled(count, side, whole=False)))
        ways.append(Way(f"regions:{count}, pooled at {side} + whole", pooled(count, side, whole=True)))
    return ways


class _PooledNetwork:
    """The embedded encoder at a larger size, with a vector for each region."""

    def __init__(self, settings: Settings, precision: Any, count: int, side: int) -> None:
        import openvino as ov

        self._side = side
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pooled.xml"
            _write_pooled(Selection.of(settings), count, side, path, quantised=precision == "int8")
            model = ov.Core().compile_model(path, "CPU", cpu_options(precision, settings.threads))
        self._request = model.create_infer_request()

    def __call__(self, picture: Image) -> Vectors:
        resized = resize_image(picture, self._side, self._side, "bilinear")
        return np.array(self._request.infer([resized[None]])[0][0])


def _write_pooled(selection: Selection, count: int, side: int, path: Path, *, quantised: bool) -> None:
    os.environ["KERAS_BACKEND"] = "openvino"
    import keras
    import openvino as ov

    keras.config.set_image_data_format("channels_first")
    from visop.models.engines.ranges import fold_constants, quantise
    from visop.models.graph import build_backbone
    from visop.models.loading import backbone_tensors, load_weights

    spec = replace(selection.spec, height=side, width=side)
    backbone = build_backbone(spec)
    rest = load_weights(spec, backbone, selection.weights)
    draft = path.with_name("draft.xml")
    _pooled_model(backbone, rest, count, side).export(str(draft), format="openvino", verbose=False)
    model = ov.Core().read_model(draft)
    fold_constants(model)
    if quantised:
        quantise(model, _named(backbone_tensors(backbone), "backbone/", "/kernel"), _named(rest, RANGES))
    ov.save_model(model, path, compress_to_fp16=False)


def _named(tensors: Any, before: str, after: str = "") -> dict[str, Any]:
    """Those whose names begin and end so, by what is between."""
    return {
        name.removeprefix(before).removesuffix(after): tensor
        for name, tensor in tensors.items()
        if name.startswith(before) and name.endswith(after)
    }


def _pooled_model(backbone: Any, rest: Any, count: int, side: int) -> Any:
    """From (N, side, side, 3) uint8 to (N, count, dimension): GeM, head and norm of each region."""
    import keras
    from keras import layers, ops

    from visop.models.pooling import normalise

    images = keras.Input((side, side, 3), dtype="uint8", name="images")
    maps = [ops.maximum(each, 1e-6) for each in backbone(ops.cast(ops.transpose(images, (0, 3, 1, 2)), "float32"))]
    exponent = float(rest["gem/p"])
    powers = [ops.exp(exponent * ops.log(each)) for each in maps]
    means = [_mean_in(powers, box) for box in region_boxes(count, (side, side))]
    pooled = ops.power(ops.stack(means, 1), 1 / exponent)
    head = layers.Dense(len(rest["head/bias"]), dtype="float32")
    vectors = normalise(head(pooled))
    head.set_weights([rest["head/kernel"], rest["head/bias"]])
    return keras.Model(images, vectors)


def _mean_in(powers: Sequence[Any], box: Box) -> Any:
    """The mean over a box of all maps, each of which counts alike."""
    from keras import ops

    means = []
    for each, stride in zip(powers, _STRIDES, strict=True):
        x, y, w, h = (round(edge / stride) for edge in box)
        means.append(ops.mean(each[:, :, y : y + max(1, h), x : x + max(1, w)], axis=(2, 3)))
    return ops.mean(ops.stack(means), 0)


def _recall(asked: Vectors, parts: Sequence[Vectors]) -> float:
    """Of cuts of all pictures in turn, two of each."""
    best = np.stack([(asked @ each.T).max(axis=1) for each in parts], axis=1)
    return float(np.mean(best.argmax(axis=1) == np.arange(len(asked)) // 2))


def _time(ways: Sequence[Way], pictures: Sequence[Image], rounds: int) -> None:
    for _ in range(rounds):
        for way in ways:
            started = time.process_time()
            for picture in pictures:
                way.parts(picture)
            way.rounds_ms.append((time.process_time() - started) / len(pictures) * 1000)


def _table(ways: Sequence[Way]) -> str:
    header = ("way", "ms a picture", *(f"recall@1, {share:g} of each side" for share in _SHARES), "mean", "gain a ms")
    return markdown_table(header, [_cells(way, ways[0]) for way in ways])


def _cells(way: Way, whole: Way) -> tuple[str, ...]:
    mean, base = statistics.mean(way.recalls), statistics.mean(whole.recalls)
    more_ms = statistics.median(way.rounds_ms) - statistics.median(whole.rounds_ms)
    gain = f"{(mean - base) / more_ms:.4f}" if way is not whole else "-"
    return (
        way.name,
        median_and_range(way.rounds_ms, lambda ms: f"{ms:.1f}"),
        *(f"{recall:.3f}" for recall in way.recalls),
        f"{mean:.3f}",
        gain,
    )


if __name__ == "__main__":
    main()

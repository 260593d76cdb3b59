"""Can vectors of one precision be searched with those of another? Recall@1 of edited pictures, in all pairs.

    python -m benchmarks.precisions
    python -m benchmarks.precisions vgg16:imagenet mine.safetensors vgg16:random@rmac
    python -m benchmarks.precisions embedded --pictures 20 --edits mirror     # does it still run?

The gallery holds the originals, in one precision; the queries are edited copies, in another. Half of the pictures are
crops of the photographs in scikit-image, the other half are generated. An encoder is MODEL[:WEIGHTS][@POOLING] or an
encoder file. All of it runs from an encoder file that is made for it, with ranges for eight bits, also of models that
are not served in eight bits. From f32 on, a precision belongs to the space of a model (``ModelSpec.space``) if neither
it nor any that belongs finds less in the other's gallery than the worse of the two finds in its own, but for 0.005.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.photos import photo_crops
from benchmarks.report import machine_facts, markdown_table
from visop.evaluation.metrics import rank
from visop.evaluation.samples import choose_transformations, digest, transform
from visop.models import EngineOptions, Selection
from visop.models.precision import PRECISIONS
from visop.models.registry import MODELS, Precision
from visop.settings import load_settings
from visop.synthetic.generate import SERIES, generate_picture
from visop.synthetic.transformations import Transformation
from visop.training.convert import convert

Vectors = npt.NDArray[np.float32]

_ENCODERS = ["embedded", "vgg16:random", "vgg19:random", "resnet50:random"]
_EDITS = "mirror,rotate-10,rotate-45,crop-80,crop-50,brighter,grey,jpeg-5"
_FIRST_GENERATED = 10_000  # not those that ranges are measured with
_TOLERANCE = 0.005


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    edits = choose_transformations(args.edits.split(","))
    pictures = [*_crops(args.pictures // 2), *_generated(args.pictures - args.pictures // 2)]
    rows = [row for encoder in args.encoders or _ENCODERS for row in _rows(encoder, pictures, edits)]
    print(f"{len(pictures)} pictures, {len(edits)} edits of each: {args.edits}\n")
    print(markdown_table(["encoder", "queries in", *(f"gallery in {each}" for each in PRECISIONS), "belongs"], rows))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", metavar="ENCODER", help=f"default: {' '.join(_ENCODERS)}")
    parser.add_argument("--pictures", type=int, default=160, help="in the gallery; default: 160")
    parser.add_argument("--edits", default=_EDITS, help=f"of `visop evaluate`; default: {_EDITS}")
    return parser.parse_args()


def _crops(count: int) -> list[PILImage.Image]:
    """Taken evenly from all photographs."""
    crops = [crop for _, crop in photo_crops()]
    return [crops[index] for index in np.linspace(0, len(crops) - 1, count).astype(int)]


def _generated(count: int) -> Iterator[PILImage.Image]:
    return (PILImage.fromarray(generate_picture((_FIRST_GENERATED + index) * SERIES)) for index in range(count))


def _rows(encoder: str, pictures: list[PILImage.Image], edits: list[Transformation]) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        selection = _converted(encoder, Path(folder))
        inputs = [np.stack(list(each)) for each in _inputs(selection, pictures, edits)]
        vectors = {precision: _encode(selection, precision, inputs, Path(folder)) for precision in PRECISIONS}
    recalls = {(a, b): _recall(vectors[a], vectors[b]) for a in PRECISIONS for b in PRECISIONS}
    print(encoder, recalls, file=sys.stderr, flush=True)
    space = _space(recalls)
    for queries in PRECISIONS:
        cells = [f"{recalls[queries, gallery]:.3f}" for gallery in PRECISIONS]
        yield [encoder, queries, *cells, "yes" if queries in space else "no"]


def _space(recalls: dict[tuple[Precision, Precision], float]) -> list[Precision]:
    """The precisions that belong together, from the most exact on."""
    space: list[Precision] = []
    for new in PRECISIONS:
        pairs = [pair for old in space for pair in ((new, old), (old, new))]
        if all(recalls[a, b] >= min(recalls[a, a], recalls[b, b]) - _TOLERANCE for a, b in pairs):
            space.append(new)
    return space


def _converted(encoder: str, folder: Path) -> Selection:
    """An encoder file of it, with ranges, whatever the model."""
    name, _, pooling = encoder.partition("@")
    model, _, weights = name.partition(":")
    given = {"weights": name} if name.endswith(".safetensors") else {"model": model, "weights": weights or "auto"}
    found = Selection.of(load_settings({}, {**given, "pooling": pooling or "auto"}).settings)
    with_int8 = replace(found, spec=replace(found.spec, has_int8=True, space=MODELS[found.spec.name].space))
    return convert(with_int8, folder / "encoder.safetensors")


def _inputs(
    selection: Selection, pictures: list[PILImage.Image], edits: list[Transformation]
) -> Iterator[Iterator[npt.NDArray[np.uint8]]]:
    """The originals, and then the copies, edit by edit."""
    yield (selection.resized(np.asarray(picture)) for picture in pictures)
    for edit in edits:
        yield (selection.resized(transform(picture, edit, digest(picture), 0)) for picture in pictures)


def _encode(selection: Selection, precision: str, inputs: list[npt.NDArray[np.uint8]], cache: Path) -> list[Vectors]:
    flags = {"precision": precision, "device": "cpu", "cache_dir": str(cache)}
    engine = selection.load(EngineOptions.of(load_settings({}, flags).settings))
    try:
        return [np.concatenate([engine(part) for part in _batches(each, engine.max_batch)]) for each in inputs]
    finally:
        engine.close()


def _batches(images: npt.NDArray[np.uint8], size: int) -> Iterator[npt.NDArray[np.uint8]]:
    return (images[start : start + size] for start in range(0, len(images), size))


def _recall(queries: list[Vectors], gallery: list[Vectors]) -> float:
    rows = np.arange(len(gallery[0]))
    return float(np.mean([rank(edited, gallery[0], rows, rows).recall_at(1) for edited in queries[1:]]))


if __name__ == "__main__":
    main()

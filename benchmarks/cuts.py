"""Measure how well a picture is found again by what was cut out of it, and by what it was pasted into.

    python -m benchmarks.cuts
    python -m benchmarks.cuts --crops 40 --generated 20      # a quick look

The gallery is crops of photographs, in their natural size, that do not overlap, and generated pictures of 512 pixels.
Queries are made of each, as JPEG of quality 85: a half, a third, a quarter and a sixth of each side at a random place;
turned by 45 degrees on black; pasted into another picture, which is not in the gallery, twice as wide and high, at a
random place; and as the screenshot of a phone, below a bar and above a text. Each is searched with the vector of the
whole query and, thorough, with those of all its views (``visop.search.views``), in galleries of one vector a picture,
``regions:10`` and ``regions:26``: the exact cosines, by NumPy. The best pair of a view and a part counts.

recall@1 is the share of the queries whose own picture comes first. The recalls at false-positive rates are those at the
thresholds that this share of all pairs of a query and another picture reaches, of this scheme: of those pairs, none
have pictures of one photograph. Milliseconds are of processor time, of all threads.
"""

from __future__ import annotations

import argparse
import functools
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageDraw

from benchmarks.photos import photo_crops
from benchmarks.report import machine_facts, markdown_table
from visop.evaluation.thresholds import Impostors
from visop.images.crops import crop
from visop.matching.features import find_features
from visop.matching.proof import prove
from visop.models.built_in_encoder import BuiltInEncoder
from visop.processors.regions import region_boxes
from visop.search.views import view_boxes
from visop.serving.operators import load_model
from visop.settings import Settings
from visop.synthetic.generate import SERIES, generate_picture

Vectors = npt.NDArray[np.float32]

# The vectors of all parts of each picture; those of the views of each query, by kind; the milliseconds of one.
Encoded = tuple[Vectors, dict[str, list[Vectors]], float]
Picture = PILImage.Image
Make = Callable[[Sequence[Picture], int, np.random.Generator], Picture]

RATES = (1e-2, 1e-3, 1e-4, 1e-5)
_SHOWN_RATES = (1e-3, 1e-5)
_SCHEMES = {"none": 1, "regions:10": 10, "regions:26": 26}
_ALL_PARTS = 26
_SIDE, _CARRIERS = 512, 20
# Of a picture on the screen of a phone, which has 1,170 lines.
_MOST_SHOWN = 900


@dataclass(frozen=True)
class Found:
    """The best cosine of each query with each picture: (queries, pictures); query i was made of picture i."""

    cosines: Vectors

    def recall_at_1(self) -> float:
        """The share of the queries whose own picture comes first."""
        return float(np.mean(self.cosines.argmax(axis=1) == np.arange(len(self.cosines))))

    def recall(self, threshold: float) -> float:
        """The share of the queries whose own picture reaches a threshold."""
        return float(np.mean(np.diag(self.cosines) >= threshold))

    def proven(self, proofs: npt.NDArray[np.bool_], most: int) -> float:
        """The share of the queries whose own picture is among the ``most`` nearest, and proven."""
        ahead = (self.cosines > np.diag(self.cosines)[:, None]).sum(axis=1)
        return float(np.mean((ahead < most) & proofs))


def main() -> None:
    args = _parse_args()
    facts = machine_facts()
    encoder = BuiltInEncoder(Settings(model="embedded", precision=args.precision))
    load_model(encoder)
    pictures, groups = gallery(args.crops, args.generated)
    parts, views, part_ms = _kept(args.vectors, lambda: _encoded(encoder, pictures))
    counts = [len(each) for some in views.values() for each in some]
    rows = [
        (f"{scheme}{', thorough' if thorough else ''}", _measured(views, parts[:, :count], thorough=thorough), count)
        for scheme, count in _SCHEMES.items()
        for thorough in (False, True)
    ]
    thresholds = {name: _thresholds(found.values(), groups) for name, found, _ in rows}
    print(
        f"{facts}\n\n{len(pictures)} pictures; {encoder.precision}; {np.mean(counts):.1f} views of a thorough query\n"
    )
    print(_table(rows, thresholds, part_ms, float(np.mean(counts))))
    print(f"\n{_threshold_table(thresholds)}")
    if args.verify:
        print(f"\n{_proven_table(rows, _proofs(pictures), args.verify)}")


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, default=230, help="of photographs, at most; default: 230")
    parser.add_argument("--generated", type=int, default=100, help="pictures; default: 100")
    parser.add_argument("--precision", default="auto", choices=("auto", "f32", "bf16", "int8"), help="default: auto")
    parser.add_argument(
        "--verify", type=int, metavar="N", help="also say how many are among the N nearest and proven by local features"
    )
    parser.add_argument(
        "--vectors", type=Path, help="a .npz file to keep the vectors in, and to take them from if it is there"
    )
    return parser.parse_args()


def gallery(crops: int, generated: int) -> tuple[list[Picture], npt.NDArray[np.int64]]:
    """Pictures, and the number of the photograph that each is of; a generated one is alone."""
    every = list(photo_crops())
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, min(crops, len(every))).astype(int)]
    names = [name.partition("-")[0] for name, _ in chosen] + [f"generated {i}" for i in range(generated)]
    made = [PILImage.fromarray(generate_picture(SERIES * number, _SIDE)) for number in range(generated)]
    return [picture for _, picture in chosen] + made, np.unique(names, return_inverse=True)[1]


def queries(kind: str, pictures: Sequence[Picture]) -> Iterator[Picture]:
    """One of each picture, the same at each call."""
    for number in range(len(pictures)):
        rng = np.random.default_rng([number, *kind.encode()])
        made = KINDS[kind](pictures, number, rng)
        file = io.BytesIO()
        made.save(file, "JPEG", quality=85)
        yield PILImage.open(file).convert("RGB")


def _cut(share: float) -> Make:
    def make(pictures: Sequence[Picture], number: int, rng: np.random.Generator) -> Picture:
        picture = pictures[number]
        width, height = (round(side * share) for side in picture.size)
        left, top = rng.integers(0, picture.width - width + 1), rng.integers(0, picture.height - height + 1)
        return picture.crop((int(left), int(top), int(left) + width, int(top) + height))

    return make


def _turned(pictures: Sequence[Picture], number: int, rng: np.random.Generator) -> Picture:
    return pictures[number].rotate(45, PILImage.Resampling.BICUBIC, expand=True)


def _pasted(pictures: Sequence[Picture], number: int, rng: np.random.Generator) -> Picture:
    picture = pictures[number]
    width, height = picture.size
    around = _carriers()[number % _CARRIERS].resize((2 * width, 2 * height))
    around.paste(picture, (int(rng.integers(0, width + 1)), int(rng.integers(0, height + 1))))
    return around


@functools.cache
def _carriers() -> list[Picture]:
    """Pictures that are not in the gallery."""
    return [PILImage.fromarray(generate_picture(SERIES * number + 1, _SIDE)) for number in range(_CARRIERS)]


def _screenshot(pictures: Sequence[Picture], number: int, rng: np.random.Generator) -> Picture:
    picture = pictures[number]
    width, dark = 540, bool(rng.integers(2))
    height = min(_MOST_SHOWN, round(width * picture.height / picture.width))
    shown = picture.resize((width, height), PILImage.Resampling.BICUBIC)
    screen = PILImage.new("RGB", (width, 1170), (24, 24, 28) if dark else (255, 255, 255))
    top = int(rng.integers(90, 1170 - shown.height - 120))
    screen.paste(shown, (0, top))
    draw, ink = ImageDraw.Draw(screen), (230, 230, 230) if dark else (20, 20, 20)
    draw.text((24, 16), "12:04", ink)
    for line in range(int(rng.integers(3, 12))):
        y = top + shown.height + 16 + 22 * line
        draw.rectangle((24, y, int(rng.integers(200, 516)), y + 9), fill=ink)
    return screen


#: What is done to pictures, by name.
KINDS: dict[str, Make] = {
    "half": _cut(1 / 2),
    "third": _cut(1 / 3),
    "quarter": _cut(1 / 4),
    "sixth": _cut(1 / 6),
    "turned 45°": _turned,
    "pasted": _pasted,
    "screenshot": _screenshot,
}


def _vectors(encoder: BuiltInEncoder, picture: Picture, boxes: Sequence[tuple[float, float, float, float]]) -> Vectors:
    image = np.asarray(picture)
    return np.stack(encoder.bulk_execute([crop(image, box, picture.size) for box in boxes]))


def _encoded(encoder: BuiltInEncoder, pictures: Sequence[Picture]) -> Encoded:
    started, views = time.process_time(), {}
    parts = np.stack([_vectors(encoder, picture, region_boxes(_ALL_PARTS, picture.size)) for picture in pictures])
    part_ms = (time.process_time() - started) / (len(pictures) * _ALL_PARTS) * 1000
    for kind in KINDS:
        views[kind] = [_vectors(encoder, each, view_boxes(each.size)) for each in queries(kind, pictures)]
        print(kind, file=sys.stderr, flush=True)
    return parts, views, part_ms


def _kept(path: Path | None, make: Callable[[], Encoded]) -> Encoded:
    """What a file keeps, or what is made and then kept there."""
    if path and path.exists():
        there = np.load(path)
        starts = {kind: np.cumsum(there[f"{kind} counts"])[:-1] for kind in KINDS}
        views = {kind: np.split(there[kind], starts[kind]) for kind in KINDS}
        return there["parts"], views, float(there["part_ms"])
    parts, views, part_ms = make()
    if path:
        kept: dict[str, Any] = {kind: np.concatenate(some) for kind, some in views.items()}
        kept |= {f"{kind} counts": [len(each) for each in some] for kind, some in views.items()}
        np.savez(path, parts=parts, part_ms=part_ms, **kept)
    return parts, views, part_ms


def _measured(views: dict[str, list[Vectors]], parts: Vectors, *, thorough: bool) -> dict[str, Found]:
    count = parts.shape[1]
    flat = parts.reshape(-1, parts.shape[2])
    found = {}
    for kind, some in views.items():
        best = [
            (each if thorough else each[:1]) @ flat.T  # (views, pictures * parts)
            for each in some
        ]
        found[kind] = Found(np.stack([each.max(axis=0).reshape(-1, count).max(axis=1) for each in best]))
    return found


def _thresholds(found: Iterable[Found], groups: npt.NDArray[np.int64]) -> dict[str, float]:
    impostors = Impostors()
    apart = groups[:, None] != groups
    for each in found:
        impostors.add(each.cosines[apart])
    return {f"{rate:g}": float(impostors.thresholds([rate])[0]) for rate in RATES}


def _proofs(pictures: Sequence[Picture]) -> dict[str, npt.NDArray[np.bool_]]:
    """By kind, whether each query is proven to be of its own picture."""
    originals = [find_features(np.asarray(picture)) for picture in pictures]
    return {
        kind: np.array(
            [
                prove(find_features(np.asarray(query)), original).is_copy
                for query, original in zip(queries(kind, pictures), originals, strict=True)
            ]
        )
        for kind in KINDS
    }


def _proven_table(
    rows: Sequence[tuple[str, dict[str, Found], int]], proofs: dict[str, npt.NDArray[np.bool_]], most: int
) -> str:
    header = (f"among the {most} nearest, and proven", *KINDS)
    return markdown_table(
        header,
        [
            (name, *(f"{each.proven(proofs[kind], most):.2f}" for kind, each in found.items()))
            for name, found, _ in rows
        ],
    )


def _table(
    rows: Sequence[tuple[str, dict[str, Found], int]],
    thresholds: dict[str, dict[str, float]],
    part_ms: float,
    views: float,
) -> str:
    header = ("parts", *KINDS, "rows a picture", "ms a picture", "ms a query")
    return markdown_table(
        header,
        [
            (
                name,
                *(_cell(each, thresholds[name]) for each in found.values()),
                str(count),
                f"{part_ms * count:.0f}",
                f"{part_ms * (views if 'thorough' in name else 1):.0f}",
            )
            for name, found, count in rows
        ],
    )


def _cell(found: Found, thresholds: dict[str, float]) -> str:
    recalls = [found.recall_at_1(), *(found.recall(thresholds[f"{rate:g}"]) for rate in _SHOWN_RATES)]
    return " / ".join(f"{recall:.2f}" for recall in recalls)


def _threshold_table(thresholds: dict[str, dict[str, float]]) -> str:
    header = ("parts", *(f"{rate:g}" for rate in RATES))
    return markdown_table(
        header, [(name, *(f"{each:.3f}" for each in some.values())) for name, some in thresholds.items()]
    )


if __name__ == "__main__":
    main()

"""Measure both ways to encode the regions of a picture: each cut out, or all pooled from one larger pass.

    python -m benchmarks.regions
    python -m benchmarks.regions --pictures 64 --rounds 2      # a quick look

``OP_PROCESSOR=regions:N`` cuts every window out of the picture at full resolution and sends it through the encoder.
``regions:N:pooled`` brings the whole picture to a larger size, at which a window has the pixels that the encoder takes
(384 for windows of half a side, 576 for a third, 768 for a quarter), lets the network see it once, and pools the map of
each window alone: the same filters and the same pixels, but the contrast of the whole picture and not that of the
window, and neighbours across its edges. Both encode the whole picture as an encoder alone does.

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
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.photos import photo_crops
from benchmarks.report import machine_facts, markdown_table, median_and_range
from visop.contract import Image
from visop.processors.regions import SCHEMES
from visop.serving.named_class import BUILT_IN
from visop.serving.operators import load_model, load_operator
from visop.serving.part_encoder import PartEncoder
from visop.settings import Settings
from visop.synthetic.generate import SERIES, generate_picture

Vectors = npt.NDArray[np.float32]
Parts = Callable[[Image], Vectors]

_SHARES = (0.5, 0.25)


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
    settings = Settings(
        model="embedded", operator=BUILT_IN, precision=args.precision, max_parts_per_picture=max(SCHEMES)
    )
    pipeline = _pipeline(settings, "regions:10")
    encoder = pipeline.encoder
    gallery = _gallery(args.pictures)
    ways = list(_ways(pipeline, settings, args.regions))
    queries = [[cut for picture in gallery for cut in _cuts(picture, share)] for share in _SHARES]
    asked = [np.stack(encoder.bulk_execute(cuts)) for cuts in queries]
    for way in ways:
        parts = [way.parts(picture) for picture in gallery]
        way.recalls += [_recall(vectors, parts) for vectors in asked]
        print(f"{way.name}: recall {way.recalls}", file=sys.stderr, flush=True)
    some = gallery[:: max(1, len(gallery) // 16)]
    _time(ways, some, args.rounds)
    print(f"{len(gallery)} pictures, 2 cuts of each for each size; {encoder.precision}\n")
    print(_table(ways))
    print("", *_cosines(ways, some), sep="\n")


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200, help="of each of the two kinds, at most; default: 200")
    parser.add_argument("--regions", type=int, nargs="+", default=[10, 26, 62], choices=list(SCHEMES), metavar="N")
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


def _ways(encoder: PartEncoder, settings: Settings, counts: Sequence[int]) -> Iterator[Way]:
    yield Way("whole", lambda picture: encoder.encoder.execute(picture)[None])
    for count in counts:
        yield Way(f"regions:{count}", _parts(settings, f"regions:{count}"))
        yield Way(f"regions:{count}:pooled", _parts(settings, f"regions:{count}:pooled"))


def _parts(settings: Settings, processor: str) -> Parts:
    pipeline = _pipeline(settings, processor)
    return lambda picture: np.stack([part.vector for part in pipeline.execute(picture) if part.vector is not None])


def _pipeline(settings: Settings, processor: str) -> PartEncoder:
    operator = load_operator(replace(settings, processor=processor))
    if not isinstance(operator, PartEncoder):
        raise TypeError(f"{processor} is no pipeline")
    load_model(operator)
    return operator


def _cosines(ways: Sequence[Way], pictures: Sequence[Image]) -> Iterator[str]:
    """Of the vectors of the same window, cut out and pooled."""
    for cut, pooled in zip(ways[1::2], ways[2::2], strict=True):
        of_pictures = [np.sum(cut.parts(picture) * pooled.parts(picture), axis=1)[1:] for picture in pictures]
        low, median, high = np.percentile(np.concatenate(of_pictures), (5, 50, 95))
        yield f"{pooled.name}: cosine of a window with the same cut out {median:.2f} ({low:.2f}-{high:.2f})"


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

"""Measure an index of parts against one of whole pictures: rows, rate, memory, search times, recall by groups.

    python -m benchmarks.search_parts                                     # 20,000 pictures, regions:10 and none
    python -m benchmarks.search_parts --pictures 500                      # a quick check that it still runs
    python -m benchmarks.search_parts --uri http://127.0.0.1:19530        # a Milvus server in place of a file
    python -m benchmarks.search_parts --model embedded                    # with the encoder that visop ships

Pictures are generated and small. Without a model the encoder is a random projection of 16 x 16 pixels, so that what is
measured is everything but the encoder. Queries are cuts of pictures of the index. Recall is that of the k nearest
pictures, each by its nearest part, against all products of vectors in NumPy.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.report import machine_facts, markdown_table, memory_mib
from visop.contract import Encoder, Image
from visop.encoding.local import local_pictures
from visop.encoding.pool import Encoders
from visop.models.built_in_encoder import BuiltInEncoder
from visop.processors.regions import Regions
from visop.search.index import Index
from visop.search.store import Collection
from visop.serving.operators import load_model
from visop.serving.part_encoder import AnyOperator, PartChoice, PartEncoder
from visop.serving.pipeline import Pipeline
from visop.settings import Settings
from visop.synthetic.generate import SERIES, generate_picture

_DIMENSION, _SIDE, _K = 256, 16, 10
_SIZE = (96, 72)

# Cosines that differ by less are the same: parts with nothing on them have one vector in many pictures.
_SAME = 1e-5

# Of pictures for a model: so many cuts of each generated one, and the sides of both.
_CUTS, _WHOLE, _CUT = 20, 320, (128, 96)

Floats = npt.NDArray[np.float32]


class Projection(Encoder):
    """A random projection of a small copy of the picture: pictures that are alike have vectors that are alike."""

    name = "projection"
    dimension = _DIMENSION
    metric_type = "IP"
    fingerprint = "projection-1"
    max_batch = 64

    def __init__(self) -> None:
        self._matrix = np.random.default_rng(0).standard_normal((3 * _SIDE * _SIDE, _DIMENSION), np.float32)

    def preprocess(self, image: Image) -> Floats:
        """(768,) float32, of mean 0."""
        small = np.asarray(PILImage.fromarray(image).resize((_SIDE, _SIDE), PILImage.Resampling.BILINEAR), np.float32)
        return np.asarray(small - small.mean(), np.float32).ravel()

    def infer(self, batch: npt.NDArray[Any]) -> Floats:
        """(N, 256) float32."""
        return np.asarray(batch @ self._matrix, np.float32)


@dataclass(frozen=True)
class Measured:
    """One scheme."""

    scheme: str
    rows: int
    rate: float
    memory_mib: float
    p50_ms: float
    p99_ms: float
    recall: float
    index_type: str

    def cells(self) -> tuple[str, ...]:
        """Of a row of the table."""
        times = f"{self.p50_ms:.1f} / {self.p99_ms:.1f}"
        facts = (
            f"{self.rows:,}",
            f"{self.rate:.0f}",
            f"{self.rate * self.rows_per_picture:.0f}",
            f"{self.memory_mib:.0f}",
        )
        return self.scheme, *facts, times, f"{self.recall:.4f}", self.index_type

    @property
    def rows_per_picture(self) -> float:
        """Vectors of a picture, as far as that is known here."""
        return int(self.scheme.partition(":")[2] or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000, help="default: 20000")
    parser.add_argument("--queries", type=int, default=100, help="default: 100")
    parser.add_argument("--index-type", default="auto", help="default: auto")
    parser.add_argument("--uri", default="", help="of a Milvus server; default: a file")
    parser.add_argument("--model", default="", help="a model of visop; default: a random projection")
    parser.add_argument("--schemes", default="none,regions:10", help="default: none,regions:10")
    arguments = parser.parse_args()
    print(machine_facts(), flush=True)
    with tempfile.TemporaryDirectory(prefix="visop-") as scratch:
        folder = Path(scratch) / "pictures"
        (make_cuts if arguments.model else make_pictures)(folder, arguments.pictures)
        encoder = encoder_of(arguments.model)
        found = []
        for scheme in arguments.schemes.split(","):
            operator = encoder if scheme == "none" else in_parts(encoder, scheme)
            settings = replace(Settings(), cache_dir=Path(scratch) / scheme)
            uri = arguments.uri or f"{scratch}/{scheme[:4]}.db"
            queries = list(query_vectors(encoder, sorted(folder.iterdir()), arguments.queries))
            measured = measure(scheme, operator, folder, uri, settings, queries, arguments.index_type)
            print(measured, flush=True)
            found.append(measured.cells())
    head = ("parts", "rows", "pictures/s", "rows/s", "MiB more", "search p50 / p99 ms", f"recall@{_K}", "index type")
    print(markdown_table(head, found))


def encoder_of(model: str) -> Encoder:
    """A model of visop, ready; without a name, the random projection."""
    if not model:
        return Projection()
    encoder = BuiltInEncoder(Settings(model=model))
    load_model(encoder)
    return encoder


def in_parts(encoder: Encoder, scheme: str) -> PartEncoder:
    return PartEncoder(Regions(int(scheme.partition(":")[2])), encoder, PartChoice(whole=True))


def make_pictures(folder: Path, count: int) -> None:
    """Write JPEGs of smooth noise, old enough for their content to be remembered."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        noise = rng.integers(0, 256, (3, 4, 3), np.uint8)
        PILImage.fromarray(noise).resize(_SIZE, PILImage.Resampling.BICUBIC).save(path)
        os.utime(path, (1_600_000_000, 1_600_000_000))


def make_cuts(folder: Path, count: int) -> None:
    """Write JPEGs that were cut out of generated pictures at places by chance, old enough to be remembered."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        if number % _CUTS == 0:
            whole = PILImage.fromarray(generate_picture(SERIES * (number // _CUTS), _WHOLE))
        path = folder / f"{number:06}.jpg"
        x, y = (int(rng.integers(0, _WHOLE - side + 1)) for side in _CUT)
        whole.crop((x, y, x + _CUT[0], y + _CUT[1])).save(path, quality=90)
        os.utime(path, (1_600_000_000, 1_600_000_000))


def measure(
    scheme: str,
    operator: AnyOperator,
    folder: Path,
    uri: str,
    settings: Settings,
    vectors: Sequence[Floats],
    index_type: str,
) -> Measured:
    with Pipeline(operator, settings) as pipeline:
        pictures = local_pictures(operator, pipeline)
        encoders = Encoders(pictures.info, settings.max_image_bytes, {"projection": pictures})
        name = "measured_" + scheme.replace(":", "_")
        with Index.open(uri, name, settings=settings, encoders=encoders) as index:
            before, started = memory_mib()[0], time.perf_counter()
            added = index.add(folder, index_type=index_type)
            rate = added.new / (time.perf_counter() - started)
            memory = memory_mib()[0] - before
            times, hits = searched(index.collection, vectors)
            recall = recall_of(index.collection, vectors, hits)
            rows, kind = index.collection.vectors(), str(index.collection.index_type)
    p50, p99 = np.percentile(np.array(times) * 1000, [50, 99])
    return Measured(scheme, rows, rate, memory, float(p50), float(p99), recall, kind)


def query_vectors(encoder: Encoder, paths: Sequence[Path], count: int) -> Iterator[Floats]:
    """Of the half of each side of some pictures, at a place that is not that of a region."""
    rng = np.random.default_rng(1)
    for number in rng.choice(len(paths), count, replace=False):
        with PILImage.open(paths[number]) as picture:
            x, y = (int(rng.uniform(0, side / 2)) for side in picture.size)
            cut = np.asarray(picture.crop((x, y, x + picture.size[0] // 2, y + picture.size[1] // 2)))
        yield np.asarray(encoder.execute(cut), np.float32)


def searched(collection: Collection, vectors: Sequence[Floats]) -> tuple[list[float], list[list[str]]]:
    """Seconds of each search, and the ids that it found."""
    times, found = [], []
    collection.search(vectors[:1], _K)
    for vector in vectors:
        started = time.perf_counter()
        (hits,) = collection.search([vector], _K)
        times.append(time.perf_counter() - started)
        found.append([hit.picture.id for hit in hits])
    return times, found


def recall_of(collection: Collection, vectors: Sequence[Floats], found: Sequence[Sequence[str]]) -> float:
    """The share of the pictures found that are among the nearest by all products, or as near as the last of those."""
    queries = np.stack(vectors)
    places: dict[str, int] = {}
    scores: list[Floats] = []
    for page in collection.all_rows():
        for row in page:
            places[row.picture.id] = len(scores)
            own = np.stack([row.vector, *(part.vector for part in row.parts if part.vector is not None)])
            scores.append((own @ queries.T).max(axis=0))
    own_scores = np.stack(scores, axis=1)
    least = np.sort(own_scores, axis=1)[:, -_K] - _SAME
    shares = [
        sum(bool(of_query[places[each]] >= last) for each in hits) / _K
        for of_query, last, hits in zip(own_scores, least, found, strict=True)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()

"""Measure `visop duplicates` on pictures with known edits: groups that mix, copies that are found, what is kept.

python -m benchmarks.duplicates [--pictures 600]

Originals are generated pictures, one of each series, and crops of real photographs, many of which show the same grass
or bricks. Each gets two everyday edits, of the 22 without halves, quarters, 45 degrees, JPEG of quality 5 and three at
once. Originals are JPEGs of quality 92, every second one with the Exif of a camera; edits are JPEGs of quality 85, and
have none.
Side by side: one threshold for all and single linkage, as up to visop 0.2, at the calibrated rate of 1e-3 and at 0.6.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from benchmarks.photos import photo_crops
from visop.encoding.local import open_local
from visop.errors import VisopError
from visop.evaluation.samples import transform
from visop.search.duplicates import FALSE_PAIRS, FewFalsePairs, _cosines_in, link_copies
from visop.search.linked import Linked
from visop.search.original import original_first
from visop.search.schema import Picture
from visop.settings import Settings
from visop.synthetic.generate import SERIES, generate_picture
from visop.synthetic.transformations import TRANSFORMATIONS

_HARD = {"rotate-45", "crop-50", "crop-50-corner", "crop-25", "jpeg-5"}
_HARD |= {"rotate-90+crop-50+jpeg-20", "mirror+darker+text"}
_EDITS = 2


@dataclass(frozen=True)
class File:
    """A file of the gallery: of which original, of which photograph, and whether it is the original itself."""

    data: bytes
    original: int
    photograph: str
    is_original: bool
    size: tuple[int, int]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the groups of copies.")
    parser.add_argument("--pictures", type=int, default=600, help="generated originals; default: 600")
    generated = [*_files(_generated(parser.parse_args().pictures), 0)]
    crops = [*_files(photo_crops(), 10**6)]
    for name, files in (("generated", generated), ("crops of photographs", crops), ("both", generated + crops)):
        vectors = _encode([file.data for file in files])
        print(f"{name}: {len(files):,} pictures")
        groups = link_copies(vectors, FewFalsePairs(FALSE_PAIRS)) if len(files) >= 500 else []
        _report("chosen for 0.1 false pairs", files, groups)
        for threshold in (0.3996, 0.6):
            _report(f"single linkage at {threshold}", files, _single_linkage(vectors, threshold))
        print(f"  kept: the original in {_kept(files, groups, vectors):.1%} of its groups")


def _generated(count: int) -> Iterator[tuple[str, Image.Image]]:
    return ((f"generated{number}", Image.fromarray(generate_picture(SERIES * number, 256))) for number in range(count))


def _files(originals: Iterator[tuple[str, Image.Image]], first: int) -> Iterator[File]:
    rng, names = random.Random(0), [name for name in TRANSFORMATIONS if name not in _HARD]
    for number, (name, picture) in enumerate(originals, first):
        photograph = name.partition("-")[0]
        yield File(_jpeg(picture, 92, camera=number % 2 == 0), number, photograph, True, picture.size)
        for edit in rng.sample(names, _EDITS):
            edited = Image.fromarray(np.asarray(transform(picture, TRANSFORMATIONS[edit], str(number), 0)))
            yield File(_jpeg(edited, 85), number, photograph, False, edited.size)


def _jpeg(picture: Image.Image, quality: int, *, camera: bool = False) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    if camera:
        exif[ExifTags.Base.Make] = "Maker"
    picture.convert("RGB").save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()


def _encode(files: list[bytes]) -> np.ndarray:
    with open_local(Settings()) as encoder:
        vectors = list(encoder.encode_stream(files, batch=16))
    return np.stack([vector for vector in vectors if not isinstance(vector, VisopError)])


def _single_linkage(vectors: np.ndarray, threshold: float) -> list[list[int]]:
    linked = Linked()
    linked.add(vectors, np.full(len(vectors), threshold, np.float32))
    return linked.groups()


def _report(name: str, files: list[File], groups: list[list[int]]) -> None:
    mixed = sum(len({files[number].original for number in group}) > 1 for group in groups)
    across = sum(len({files[number].photograph for number in group}) > 1 for group in groups)
    found = sum(_has_found(files, group, number) for group in groups for number in group)
    copies = sum(not file.is_original for file in files)
    facts = f"{len(groups)} groups, {mixed} mix originals ({across} of several photographs)"
    print(f"  {name}: {facts}, {found / copies:.2%} of the copies found")


def _has_found(files: list[File], group: list[int], number: int) -> bool:
    file = files[number]
    others = (files[other] for other in group if other != number)
    return not file.is_original and any(other.original == file.original for other in others)


def _kept(files: list[File], groups: list[list[int]], vectors: np.ndarray) -> float:
    """The share of the groups with an original in which it is the one to keep."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = [_saved(file, Path(folder) / f"{number}.jpg") for number, file in enumerate(files)]
        having = [group for group in groups if any(files[number].is_original for number in group)]
        first = [group[_first([pictures[number] for number in group], vectors[group])] for group in having]
    return float(np.mean([files[number].is_original for number in first])) if first else 0.0


def _first(pictures: list[Picture], vectors: np.ndarray) -> int:
    return original_first(pictures, _cosines_in(vectors)[1].tolist(), Settings())[0][0]


def _saved(file: File, path: Path) -> Picture:
    path.write_bytes(file.data)
    width, height = file.size
    return Picture(hashlib.sha256(file.data).hexdigest(), (str(path),), width, height, len(file.data), 1, 1)


if __name__ == "__main__":
    main()

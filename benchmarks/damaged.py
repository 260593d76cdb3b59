"""Damage picture files in many ways and compare the vectors of those that are decoded with those of the whole pictures.

    python -m benchmarks.damaged
    python -m benchmarks.damaged --files 1000 --seed 1     # a quick check, on other files

Pictures of ``visop.synthetic``, of several sizes, are saved in every format that is accepted, and every file is damaged
in every way, at places drawn from a fixed seed. The vectors are those of the shipped encoder. The exit status is 1 if a
cosine is below 0.98, unless the format is stored without compression or checksum, where any bytes are a legal picture.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.raw_engine import image_limits
from benchmarks.report import machine_facts, markdown_table
from visop.contract import Image
from visop.errors import VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.heif import has_heif
from visop.models.built_in_encoder import BuiltInEncoder
from visop.settings import Settings
from visop.synthetic.generate import generate_picture

_FLOOR = 0.98
_SIZES = (96, 256, 512, 1024)
_SECTOR = 4096

# Format -> Pillow's name and the options of its writer; one of the options is drawn for each picture.
FORMATS: Mapping[str, tuple[str, Sequence[Mapping[str, Any]]]] = {
    "JPEG": ("JPEG", [{"quality": q, "subsampling": s, "optimize": s > 0} for q in (50, 75, 92) for s in (0, 1, 2)]),
    "JPEG, progressive": ("JPEG", [{"quality": q, "progressive": True} for q in (50, 75, 92)]),
    "JPEG, restart markers": ("JPEG", [{"quality": q, "restart_marker_rows": 1} for q in (50, 75, 92)]),
    "PNG": ("PNG", [{"compress_level": 1}, {"compress_level": 6}, {"optimize": True}]),
    "GIF": ("GIF", [{}, {"interlace": 0}]),
    "WEBP": ("WEBP", [{"quality": q} for q in (50, 75, 92)]),
    "WEBP, lossless": ("WEBP", [{"lossless": True}]),
    "TIFF, deflate": ("TIFF", [{"compression": "tiff_adobe_deflate"}]),
    "TIFF, LZW": ("TIFF", [{"compression": "tiff_lzw"}]),
    "TIFF, JPEG": ("TIFF", [{"compression": "jpeg"}]),
    "TIFF, uncompressed": ("TIFF", [{}]),
    "BMP": ("BMP", [{}]),
    "AVIF": ("AVIF", [{"quality": q, "speed": 9} for q in (50, 75)]),
    **({"HEIF": ("HEIF", [{"quality": q} for q in (50, 75)])} if has_heif() else {}),
}

# Without compression and checksum, any bytes are a legal picture.
UNCHECKED = ("TIFF, uncompressed", "BMP")

_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"\0\0\0\0IEND\xaeB`\x82", "GIF": b"\0;"}


def cut(data: bytes, rng: random.Random, _: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_with_end(data: bytes, rng: random.Random, end: bytes) -> bytes:
    return data[: rng.randrange(len(data) - len(end))] + end


def zeros_to_the_end(data: bytes, rng: random.Random, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + bytes(len(data) - start)


def zeroed_half(data: bytes, _: random.Random, end: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes(len(data) - half - len(end)) + end


def zeroed_sector(data: bytes, rng: random.Random, _: bytes) -> bytes:
    return _overwrite(data, rng, bytes(_SECTOR))


def noise_in_a_sector(data: bytes, rng: random.Random, _: bytes) -> bytes:
    return _overwrite(data, rng, rng.randbytes(_SECTOR))


def bit_flip(data: bytes, rng: random.Random, _: bytes) -> bytes:
    return _flip(data, rng, 1)


def ten_bit_flips(data: bytes, rng: random.Random, _: bytes) -> bytes:
    return _flip(data, rng, 10)


def lost_piece(data: bytes, rng: random.Random, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice([1, 16, 512, _SECTOR]) :]


def _overwrite(data: bytes, rng: random.Random, piece: bytes) -> bytes:
    """Overwrite an eighth of the file or a sector, if that is less, behind the header and before the end."""
    piece = piece[: len(data) // 8]
    start = rng.randrange(len(data) // 16, len(data) - len(piece))
    return data[:start] + piece + data[start + len(piece) :]


def _flip(data: bytes, rng: random.Random, count: int) -> bytes:
    changed = bytearray(data)
    for _ in range(count):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


DAMAGES: Sequence[Callable[[bytes, random.Random, bytes], bytes]] = (
    cut,
    cut_with_end,
    zeros_to_the_end,
    zeroed_half,
    zeroed_sector,
    noise_in_a_sector,
    bit_flip,
    ten_bit_flips,
    lost_piece,
)


@dataclass
class Tally:
    """What became of the files of one format with one kind of damage."""

    refused: int = 0
    cosines: list[float] = field(default_factory=list)

    def add(self, cosine: float | None) -> None:
        """Count a file; None if it was refused."""
        if cosine is None:
            self.refused += 1
        else:
            self.cosines.append(cosine)


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        encoder = BuiltInEncoder(Settings(device="cpu", cache_dir=Path(folder)))
        encoder.load()
        tallies = damage_files(encoder, args.files, args.seed)
    rows = [_row(*key, tally) for key, tally in sorted(tallies.items())]
    print(markdown_table(("format: damage", "refused", "answered", "least cosine", "1st percentile"), rows))
    sys.exit(bool(_report(tallies)))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="damaged files; default: 10000")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    return parser.parse_args()


def damage_files(encoder: BuiltInEncoder, count: int, seed: int) -> dict[tuple[str, str], Tally]:
    """Make so many damaged files, as many of each format and damage, and decode them."""
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    limits = image_limits(Settings())
    for number in range(-(-count // (len(FORMATS) * len(DAMAGES)))):
        rng = random.Random(seed * 1_000_003 + number)
        picture = PILImage.fromarray(generate_picture(rng.randrange(1_000_000), _SIZES[number % len(_SIZES)]))
        for name, (kind, options) in FORMATS.items():
            data = _encode(picture, kind, rng.choice(options))
            images = _decode_damaged(data, _ENDS.get(kind, b""), rng, limits, encoder.decode_side)
            answered = {damage: image for damage, image in images.items() if image is not None}
            whole = decode_image(data, limits, encoder.decode_side)
            vectors = _vectors(encoder, [whole, *answered.values()])
            cosines = dict(zip(answered, vectors[1:] @ vectors[0], strict=True))
            for damage in images:
                tallies[name, damage].add(cosines.get(damage))
    return tallies


def _encode(picture: PILImage.Image, kind: str, options: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _decode_damaged(
    data: bytes, end: bytes, rng: random.Random, limits: ImageLimits, side: int | None
) -> dict[str, Image | None]:
    """Damage a file in every way; return what is decoded of it by the name of the damage, None where it is refused."""
    images: dict[str, Image | None] = {}
    for damage in DAMAGES:
        file = damage(data, rng, end)
        if file == data:
            continue
        try:
            images[damage.__name__] = decode_image(file, limits, side)
        except VisopError:
            images[damage.__name__] = None
    return images


def _vectors(encoder: BuiltInEncoder, images: Sequence[Image]) -> npt.NDArray[np.float32]:
    """Return unit vectors, (N, dimension)."""
    inputs = [encoder.preprocess(image) for image in images]
    batches = [inputs[at : at + encoder.max_batch] for at in range(0, len(inputs), encoder.max_batch)]
    vectors = np.concatenate([encoder.infer(np.stack(batch)) for batch in batches])
    unit: npt.NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _row(name: str, damage: str, tally: Tally) -> tuple[str, ...]:
    least, first = (f"{np.quantile(tally.cosines, part):.3f}" if tally.cosines else "" for part in (0, 0.01))
    return f"{name}: {damage.replace('_', ' ')}", str(tally.refused), str(len(tally.cosines)), least, first


def count_low(tallies: Mapping[tuple[str, str], Tally]) -> Counter[str]:
    """Count the answers of each format whose cosine is below the floor."""
    low: Counter[str] = Counter()
    for (name, _), tally in tallies.items():
        low[name] += sum(bool(cosine < _FLOOR) for cosine in tally.cosines)
    return low


def _report(tallies: Mapping[tuple[str, str], Tally]) -> int:
    """Print the sums, and return how many vectors are wrong although their format could have told."""
    answered = sum(len(tally.cosines) for tally in tallies.values())
    low = count_low(tallies)
    total = answered + sum(tally.refused for tally in tallies.values())
    print(f"\n{total} damaged files, {answered} answered, {low.total()} with a cosine below {_FLOOR}:")
    print(", ".join(f"{name} {count}" for name, count in sorted(low.items())))
    return sum(count for name, count in low.items() if name not in UNCHECKED)


if __name__ == "__main__":
    main()

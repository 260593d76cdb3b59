"""Measure what colour profiles cost: processor time to decode a JPEG, whole and scaled down as encoders take it.

    python -m benchmarks.colour
    python -m benchmarks.colour --megapixels 24 --repeats 30

One photograph of scikit-image is enlarged and written to files that differ in their profile only. They are decoded in
random order in one thread.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import defaultdict

import numpy as np

from benchmarks.photos import jpeg_photos
from benchmarks.raw_engine import image_limits
from benchmarks.renditions import SPACES, saved
from benchmarks.report import machine_facts, markdown_table
from visop.images.colours.profiles import coded_profile
from visop.images.decode import decode_image
from visop.settings import Settings

_SCALED_SIDE = 448  # what the shipped encoder takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12, metavar="M", help="default: 12")
    parser.add_argument("--repeats", type=int, default=15, help="default: 15")
    args = parser.parse_args()
    print(machine_facts(), flush=True)
    files = _files(args.megapixels)
    spans = _spans_ms(files, args.repeats)
    rows = [(name, *(f"{statistics.median(spans[name, side]):.1f}" for side in (None, _SCALED_SIDE))) for name in files]
    print(f"\n{args.megapixels:g} megapixels, median ms of {args.repeats}\n")
    print(markdown_table(("profile", "whole", f"scaled to {_SCALED_SIDE}"), rows))


def _files(megapixels: float) -> dict[str, bytes]:
    settings = Settings(max_pixels=round(megapixels * 2e6))
    pixels = np.asarray(decode_image(jpeg_photos(megapixels)[0], image_limits(settings)))
    srgb = coded_profile(1, 13)
    profiles = {"none": None, "sRGB": srgb, **{name: profile for name, _, _, profile in SPACES}}
    return {name: saved(pixels, "JPEG", quality=90, icc_profile=profile) for name, profile in profiles.items()}


def _spans_ms(files: dict[str, bytes], repeats: int) -> dict[tuple[str, int | None], list[float]]:
    limits = image_limits(Settings(max_pixels=100_000_000))
    spans: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    rounds = [(name, side) for name in files for side in (None, _SCALED_SIDE)] * repeats
    random.Random(0).shuffle(rounds)
    for name, side in rounds:
        started = time.thread_time()
        decode_image(files[name], limits, side)
        spans[name, side].append((time.thread_time() - started) * 1000)
    return spans


if __name__ == "__main__":
    main()

"""Provide the pictures of the benchmarks: photographs from the wheels of scikit-image and PyWavelets.

python -m benchmarks.photos FOLDER    # cut the photographs into crops, to try `visop evaluate` on
"""

from __future__ import annotations

import argparse
import io
import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pywt.data
import skimage
from PIL import Image as PILImage

_FOLDER = Path(skimage.__file__).parent / "data"
_NAMES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
)
# The real photographs, taken through any kind of lens. Left out are drawings, patterns, the second view of the
# motorcycle, whose crops would be near-duplicates of the first one's, and pictures that would have to be downloaded.
_NATURAL = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png"),
    *("page.png", "retina.jpg", "rocket.jpg", "text.png"),
)
# A crop is a quarter of its photograph wide and high, but at least this large, to show enough.
_LEAST_CROP_SIDE = 120
# The least standard deviation of the grey levels of a crop, and of its flattest quarter, because a transformation may
# leave only that. Plain sky and the black around the retina have less, and nobody could tell such crops apart.
_LEAST_CONTRAST, _LEAST_QUARTER_CONTRAST = 8.0, 2.0
_JPEG_QUALITY = 90
# Upsampled pictures have no detail in single pixels, so that their JPEG files would be smaller and faster to decode
# than those of a camera. This much noise, in grey levels, gives a 12-megapixel file of about 3 MB, as a camera does.
_SENSOR_NOISE = 8.0


def jpeg_photos(megapixels: float | None = None) -> list[bytes]:
    """Return the photographs as JPEG files of quality 90.

    Args:
        megapixels: scale each photograph to this many million pixels, keeping its aspect ratio, and add sensor noise.
            None keeps the natural sizes, 0.1 to 2 megapixels.
    """
    photos = [PILImage.open(_FOLDER / name).convert("RGB") for name in _NAMES]
    if megapixels is not None:
        photos = [_enlarge(photo, megapixels * 1e6) for photo in photos]
    return [encode(photo, "JPEG") for photo in photos]


def _enlarge(photo: PILImage.Image, pixels: float) -> PILImage.Image:
    scale = (pixels / (photo.width * photo.height)) ** 0.5
    large = photo.resize((round(photo.width * scale), round(photo.height * scale)), PILImage.Resampling.BICUBIC)
    noise = np.random.default_rng(0).standard_normal((large.height, large.width, 3), np.float32) * _SENSOR_NOISE
    return PILImage.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))


def encode(photo: PILImage.Image, kind: str) -> bytes:
    """Encode a photograph as an image file of a format, by Pillow's name."""
    buffer = io.BytesIO()
    photo.save(buffer, kind, **({"quality": _JPEG_QUALITY} if kind in ("JPEG", "WEBP") else {}))
    return buffer.getvalue()


def mixed_files(count: int, seed: int = 0, most_side: int = 2048) -> list[bytes]:
    """Make image files in all formats, from thumbnails to 4 megapixels, as a server gets them; seeded.

    Args:
        count: of files.
        seed: of what is chosen.
        most_side: the longest side that any has, in pixels.
    """
    rng, doublings = random.Random(seed), math.log2(most_side / 64)
    photos = [PILImage.open(_FOLDER / name).convert("RGB") for name in _NAMES]
    files = []
    for _ in range(count):
        kind = rng.choices(("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"), weights=(10, 4, 3, 1, 1, 1))[0]
        # Sides are log-uniform, so that small pictures are the most frequent.
        width, height = (round(64 * 2 ** rng.uniform(0, doublings)) for _ in range(2))
        files.append(encode(rng.choice(photos).resize((width, height)), kind))
    return files


def photo_crops() -> Iterator[tuple[str, PILImage.Image]]:
    """Yield names and square crops of natural photographs. The crops do not overlap, are not flat, and never change."""
    for name, photo in natural_photos():
        side = max(_LEAST_CROP_SIDE, min(photo.size) // 4)
        for top in range(0, photo.height - side + 1, side):
            for left in range(0, photo.width - side + 1, side):
                crop = photo.crop((left, top, left + side, top + side))
                if not _is_flat(crop):
                    yield f"{name}-{top}-{left}", crop


def _is_flat(crop: PILImage.Image) -> bool:
    grey, half = np.asarray(crop.convert("L"), np.float32), crop.height // 2
    quarters = (grey[:half, :half], grey[:half, half:], grey[half:, :half], grey[half:, half:])
    return bool(grey.std() < _LEAST_CONTRAST or min(quarter.std() for quarter in quarters) < _LEAST_QUARTER_CONTRAST)


def natural_photos() -> Iterator[tuple[str, PILImage.Image]]:
    for file in _NATURAL:
        yield Path(file).stem, PILImage.open(_FOLDER / file).convert("RGB")
    for pixels, name in ((pywt.data.aero(), "aero"), (pywt.data.ascent(), "ascent")):
        yield name, PILImage.fromarray(np.asarray(pixels, np.uint8)).convert("RGB")


def main() -> None:
    """Write the crops as PNG files into a folder, with a subfolder for each photograph."""
    parser = argparse.ArgumentParser(description="Cut photographs into crops that do not overlap.")
    parser.add_argument("folder", type=Path, help="folder for the crops; created if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    crops = dict(photo_crops())
    for name, crop in crops.items():
        (folder / name.partition("-")[0]).mkdir(exist_ok=True)
        crop.save(folder / name.partition("-")[0] / f"{name}.png")
    photos = len({name.partition("-")[0] for name in crops})
    print(f"{len(crops)} crops of {photos} photographs in {folder}; crops with almost no contrast are left out")


if __name__ == "__main__":
    main()

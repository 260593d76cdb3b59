"""Measure how many edited copies local features prove, how many different pictures, and what it costs.

python -m benchmarks.matching [--generated 12] [--pairs 6]

Originals are photographs of scikit-image and PyWavelets, and generated pictures. Each is edited in the ways of `visop
evaluate`, cut to a half, a third, a quarter and a sixth of each side at a place by chance, pasted into another picture,
shown in a screenshot, mirrored and inverted; every result is a JPEG of quality 85. Different pictures are an edited
copy of one and the original of another, and pairs made to mislead: letters of one sender, windows of one program.

Side by side: what visop does, SIFT as it was first tried (512 pixels, 800 features, ratio 0.8), and ORB.
"""

from __future__ import annotations

import argparse
import io
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont, ImageOps

from benchmarks.photos import natural_photos
from benchmarks.report import machine_facts, markdown_table
from visop.contract import Image
from visop.matching.features import find_features
from visop.matching.library import opencv
from visop.matching.proof import LEAST_MATCHES, prove
from visop.synthetic.generate import SERIES, generate_picture
from visop.synthetic.transformations import TRANSFORMATIONS

Picture = PILImage.Image
cv2 = opencv()
Edit = Callable[[Picture, np.random.Generator], Picture]

_LEAST_SIDE, _MOST_SIDE = 250, 1024
# Matches from which the simple ways count a copy as proven: twice the most that different pictures were seen to have.
_SIMPLE_MATCHES = 16


@dataclass(frozen=True)
class Way:
    """A way to prove copies: the features of a picture; matches, and whether they prove a copy, of two features."""

    name: str
    features: Callable[[Image], Any]
    proof: Callable[[Any, Any], tuple[int, bool]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure proofs of copies by local features.")
    parser.add_argument("--generated", type=int, default=12, help="generated originals; default: 12")
    parser.add_argument("--pairs", type=int, default=6, help="different originals that each edit is held against")
    parser.add_argument("--ways", default="visop,sift,orb", help="of visop, sift and orb; default: all")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    originals = _originals(arguments.generated)
    print(machine_facts(), f"\n\n{len(originals)} originals\n", flush=True)
    for name in arguments.ways.split(","):
        _measure(_WAYS[name], originals, arguments.pairs)


def proves(query: Image, picture: Image) -> bool:
    """Whether it is proven that a query was made of a picture, for the recall of ``benchmarks.cuts``."""
    return prove(find_features(query), find_features(picture)).is_copy


def _measure(way: Way, originals: Sequence[tuple[str, Picture]], pairs: int) -> None:
    started = time.process_time()
    known = [way.features(np.asarray(picture)) for _, picture in originals]
    features_s = (time.process_time() - started) / len(originals)
    proven: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    false: list[tuple[int, bool]] = []
    costs: dict[str, list[float]] = defaultdict(list)
    for number, edit, image in _copies(originals):
        query = way.features(image)
        is_photograph = not originals[number][0].startswith("generated")
        started = time.process_time()
        proven[edit].append((way.proof(query, known[number])[1], is_photograph))
        costs["copy"].append(time.process_time() - started)
        rng = np.random.default_rng([number, zlib.crc32(edit.encode())])
        for other in rng.permutation(len(originals))[:pairs].tolist():
            if other != number:
                started = time.process_time()
                false.append(way.proof(query, known[other]))
                costs["other"].append(time.process_time() - started)
    _report(way, features_s, proven, false, costs)


def _report(
    way: Way, features_s: float, proven: dict[str, list[tuple[bool, bool]]], false: list[tuple[int, bool]], costs: Any
) -> None:
    ms = {name: 1000 * float(np.mean(values)) for name, values in costs.items()}
    print(f"\n{way.name}: {1000 * features_s:.0f} ms for the features of a picture, {ms['copy']:.1f} ms to match a")
    print(f"copy, {ms['other']:.1f} ms a different picture (processor time, one thread)")
    matches = np.array([each for each, _ in false])
    most = ", ".join(
        f"{count} with {least} or more" for least in (4, 5, 6, 7, 8) if (count := int((matches >= least).sum()))
    )
    print(
        f"{len(false):,} different pairs: {sum(is_copy for _, is_copy in false)} proven; matches: {most or 'below 4'}"
    )
    for name, pictures in _misleading():
        found = [way.features(np.asarray(picture)) for picture in pictures]
        results = [way.proof(a, b)[1] for place, a in enumerate(found) for b in found[:place]]
        print(f"{len(results)} pairs of {name}: {sum(results)} proven")
    rows = [(edit, _share(results, photographs=True), _share(results)) for edit, results in proven.items()]
    everyday = [
        each for edit, results in proven.items() if edit in TRANSFORMATIONS and edit not in _HARD for each in results
    ]
    rows.append(("the 22 everyday edits", _share(everyday, photographs=True), _share(everyday)))
    print("\n" + markdown_table(("edit", "photographs", "all"), rows) + "\n", flush=True)


def _share(results: Sequence[tuple[bool, bool]], *, photographs: bool = False) -> str:
    counted = [is_copy for is_copy, is_photograph in results if is_photograph or not photographs]
    return f"{np.mean(counted):.3f}"


# --- ways ---


def _visop(first: Any, second: Any) -> tuple[int, bool]:
    proof = prove(first, second)
    return proof.matches, proof.is_copy


def _found_by(detector: Callable[[], Any], side: int) -> Callable[[Image], Any]:
    def find(image: Image) -> Any:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        factor = min(1.0, side / max(grey.shape))
        points, descriptors = detector().detectAndCompute(cv2.resize(grey, None, fx=factor, fy=factor), None)
        return np.array([point.pt for point in points], np.float32), descriptors

    return find


def _simple(norm: int) -> Callable[[Any, Any], tuple[int, bool]]:
    def match(first: Any, second: Any) -> tuple[int, bool]:
        if first[1] is None or second[1] is None or min(len(first[1]), len(second[1])) < 2:
            return 0, False
        pairs = [a for a, b in cv2.BFMatcher(norm).knnMatch(first[1], second[1], k=2) if a.distance < 0.8 * b.distance]
        if len(pairs) < 4:
            return 0, False
        here, there = first[0][[each.queryIdx for each in pairs]], second[0][[each.trainIdx for each in pairs]]
        _, agreeing = cv2.findHomography(here, there, cv2.RANSAC, 5.0)
        matches = 0 if agreeing is None else int(agreeing.sum())
        return matches, matches >= _SIMPLE_MATCHES

    return match


_WAYS = {
    "visop": Way(f"visop (RootSIFT, {LEAST_MATCHES} matches)", find_features, _visop),
    "sift": Way("SIFT, 512 pixels, 800", _found_by(lambda: cv2.SIFT_create(800), 512), _simple(cv2.NORM_L2)),
    "orb": Way("ORB, 512 pixels, 1,000", _found_by(lambda: cv2.ORB_create(1000), 512), _simple(cv2.NORM_HAMMING)),
}

# --- pictures ---


def _originals(generated: int) -> list[tuple[str, Picture]]:
    found = [(name, picture) for name, picture in natural_photos() if min(picture.size) >= _LEAST_SIDE]
    for _, picture in found:
        picture.thumbnail((_MOST_SIDE, _MOST_SIDE))
    drawn = (PILImage.fromarray(generate_picture(SERIES * (500 + number), 800)) for number in range(generated))
    return [*found, *((f"generated{number}", picture) for number, picture in enumerate(drawn))]


def _copies(originals: Sequence[tuple[str, Picture]]) -> Iterator[tuple[int, str, Image]]:
    for number, (_, picture) in enumerate(originals):
        for name, edit in _EDITS.items():
            edited = edit(picture, np.random.default_rng([number, zlib.crc32(name.encode())])).convert("RGB")
            file = io.BytesIO()
            edited.save(file, "JPEG", quality=85)
            with PILImage.open(file) as decoded:
                yield number, name, np.asarray(decoded)


def _cut(share: float) -> Edit:
    def cut(picture: Picture, rng: np.random.Generator) -> Picture:
        """A part by chance; of a few, the one with the most on it: nobody cuts out a piece of plain sky."""
        size = np.array([round(picture.width * share), round(picture.height * share)])
        places = (rng.integers(0, np.array(picture.size) - size + 1) for _ in range(3))
        parts = [picture.crop((*place.tolist(), *(place + size).tolist())) for place in places]
        return max(parts, key=lambda part: float(np.asarray(part.convert("L"), np.float32).std()))

    return cut


def _pasted(picture: Picture, rng: np.random.Generator) -> Picture:
    """At two fifths of its size, in a place by chance."""
    around = PILImage.fromarray(generate_picture(SERIES * int(rng.integers(900, 910)), 1024)).copy()
    small = picture.copy()
    small.thumbnail((0.45 * around.width, 0.45 * around.height))
    around.paste(small, tuple(rng.integers(0, np.array(around.size) - np.array(small.size)).tolist()))
    return around


def _window(picture: Picture, rng: np.random.Generator) -> Picture:
    """A screenshot of a phone, 540 x 1170."""
    screen, font = PILImage.new("RGB", (540, 1170), "white"), ImageFont.load_default(22)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 540, 120), fill="#4267b2")
    draw.text((20, 70), "Pictures   Albums   Search", "white", font)
    shown = picture.resize((540, min(760, round(picture.height * 540 / picture.width))))
    screen.paste(shown, (0, 150))
    for line in range(5):
        draw.text((20, 170 + shown.height + 34 * line), " ".join(rng.choice(_WORDS, 5)), "black", font)
    draw.text((40, 1100), "Home    Like    Comment    Share", "black", font)
    return screen


def _letter(seed: int) -> Picture:
    rng, page = np.random.default_rng(seed), PILImage.new("RGB", (850, 1100), "white")
    draw = ImageDraw.Draw(page)
    draw.text((60, 40), "Example Trading Company Ltd.", "black", ImageFont.load_default(34))
    for y in range(120, 1000, 28):
        draw.text((60, y), " ".join(rng.choice(_WORDS, rng.integers(4, 12))), "black", ImageFont.load_default(18))
    draw.text((60, 1050), "Page 1 of 3    confidential    www.example.org", "black", ImageFont.load_default(18))
    return page


def _misleading() -> Iterator[tuple[str, list[Picture]]]:
    rng = np.random.default_rng(0)
    shown = [PILImage.fromarray(generate_picture(SERIES * (700 + number), 800)) for number in range(10)]
    yield "letters of one sender", [_letter(seed) for seed in range(10)]
    yield "windows of one program", [_window(picture, rng) for picture in shown]
    yield "scenes of one series", [PILImage.fromarray(generate_picture(SERIES * 800 + each, 640)) for each in range(8)]


_WORDS = [
    "the",
    "amount",
    "of",
    "order",
    "was",
    "paid",
    "within",
    "ten",
    "days",
    "from",
    "account",
    "city",
    "by",
    "post",
]
_HARD = {"rotate-45", "crop-50", "crop-50-corner", "crop-25", "jpeg-5"}
_HARD |= {"rotate-90+crop-50+jpeg-20", "mirror+darker+text"}
_EDITS: dict[str, Edit] = {each.name: each.apply for each in TRANSFORMATIONS.values()} | {
    "half of each side": _cut(1 / 2),
    "third of each side": _cut(1 / 3),
    "quarter of each side": _cut(1 / 4),
    "sixth of each side": _cut(1 / 6),
    "quarter, mirrored": lambda picture, rng: ImageOps.mirror(_cut(1 / 4)(picture, rng)),
    "half, turned by 45 degrees": lambda picture, rng: _cut(1 / 2)(picture, rng).rotate(45, expand=True),
    "pasted into another picture": _pasted,
    "screenshot of a phone": _window,
    "inverted colours": lambda picture, _: ImageOps.invert(picture),
}


if __name__ == "__main__":
    main()

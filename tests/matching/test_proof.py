"""Copies made by known transformations are proven, and where they lie is found; what is made to mislead is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont, ImageOps

from visop.contract import Image
from visop.matching.features import MOST, Features, find_features
from visop.matching.proof import LEAST_MATCHES, Proof, prove

pytest.importorskip("cv2")

Picture = PILImage.Image
HALF = "scaled to 50 %"


@cache
def photograph(name: str) -> Picture:
    data = pytest.importorskip("skimage.data")
    return PILImage.fromarray(getattr(data, name)()).convert("RGB")


@cache
def original() -> Features:
    return find_features(np.asarray(photograph("coffee")))  # 600 x 400


def proof_of(picture: Picture) -> Proof:
    return prove(find_features(np.asarray(picture)), original())


def pasted(picture: Picture) -> Picture:
    around = photograph("astronaut").copy()
    around.paste(picture.resize((240, 160)), (100, 200))
    return around


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda picture: picture, ()),
        (lambda picture: picture.crop((150, 100, 450, 300)).resize((150, 100)), ("cut to 25 % of the area", HALF)),
        pytest.param(ImageOps.mirror, ("mirrored",), marks=pytest.mark.slow),  # "both" has them
        pytest.param(ImageOps.invert, ("inverted colours",), marks=pytest.mark.slow),
        (lambda picture: ImageOps.mirror(ImageOps.invert(picture)), ("mirrored", "inverted colours")),
        (lambda picture: picture.rotate(90, expand=True), ("turned by 90° counter-clockwise",)),
        (lambda picture: picture.rotate(-45, PILImage.Resampling.BILINEAR, expand=True), ("turned by 45° clockwise",)),
        (lambda picture: picture.resize((600, 260)), ("stretched to 1.5 times the width", "scaled to 81 %")),
        (
            lambda picture: picture.crop((150, 100, 450, 300)).rotate(45, PILImage.Resampling.BILINEAR, expand=True),
            ("turned by 45° counter-clockwise",),
        ),
        (pasted, ("placed in something larger, of which it takes 15 %", "scaled to 40 %")),
    ],
    ids=[
        "nothing",
        "cut",
        "mirrored",
        "inverted",
        "both",
        "quarter turn",
        "45 degrees",
        "a half by 45 degrees",
        "stretched",
        "pasted",
    ],
)
def test_it_is_said_what_was_done_to_a_copy(edit: Callable[[Picture], Picture], told: tuple[str, ...]) -> None:
    proof = proof_of(edit(photograph("coffee")))
    assert proof.is_copy
    assert proof.found is not None
    assert set(told) <= set(proof.found.edits)
    if not told[0:1] or "by 45°" not in told[0]:  # there, it has corners around it, too
        assert set(proof.found.edits) == set(told)


def test_a_part_of_a_faint_picture_is_proven() -> None:
    faint = photograph("coffee").point(lambda level: 120 + level // 32)
    part = faint.crop((150, 100, 450, 300))
    assert prove(find_features(np.asarray(part)), find_features(np.asarray(faint))).is_copy


@pytest.mark.parametrize(
    ("corners", "size"),
    [
        ([(90, 60), (510, 60), (510, 340), (90, 340)], (420, 280)),
        ([(200, 40), (560, 130), (470, 390), (110, 300)], (360, 300)),
        ([(40, 10), (580, 40), (590, 380), (10, 395)], (600, 400)),
    ],
    ids=["cut", "turned", "perspective"],
)
def test_the_outline_is_that_of_a_known_homography(corners: list[tuple[int, int]], size: tuple[int, int]) -> None:
    to_original = _coefficients(corners, size)
    picture = photograph("coffee").transform(
        size, PILImage.Transform.PERSPECTIVE, to_original, PILImage.Resampling.BILINEAR
    )
    found = proof_of(picture).found
    assert found is not None
    assert np.abs(np.array(found.outline) - np.array(corners)).max() < 3


def _coefficients(corners: list[tuple[int, int]], size: tuple[int, int]) -> list[float]:
    """Of Pillow's PERSPECTIVE: from pixels of the result to those of the original, solved for the four corners."""
    width, height = size
    rows, values = [], []
    for (x, y), (u, v) in zip([(0, 0), (width, 0), (width, height), (0, height)], corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows, float), np.array(values, float)).tolist()
    return solved


def checkerboard(squares: int) -> Picture:
    board = (np.indices((squares, squares)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return PILImage.fromarray(board).resize((400, 400), PILImage.Resampling.NEAREST).convert("RGB")


def letter(seed: int) -> Picture:
    """A page with a letterhead and a footer that all have, and words of its own."""
    rng, page = np.random.default_rng(seed), PILImage.new("RGB", (595, 842), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    draw.text((50, 30), "Example Trading Company Ltd.", "black", ImageFont.load_default(28))
    words = ["the", "amount", "of", "your", "order", "was", "paid", "within", "ten", "days", "from", "our", "account"]
    for y in range(110, 760, 22):
        draw.text((50, y), " ".join(rng.choice(words, rng.integers(4, 10))), "black", font)
    draw.text((50, 800), "Page 1 of 3   confidential   www.example.org", "black", font)
    return page


def window(name: str) -> Picture:
    """The same program with another picture in it."""
    screen = PILImage.new("RGB", (600, 700), "white")
    draw, font = ImageDraw.Draw(screen), ImageFont.load_default(20)
    for row, words in enumerate(("File  Edit  View  Pictures  Window  Help", "Back   Forward   Search   Settings")):
        draw.text((10, 10 + 30 * row), words, "black", font)
    screen.paste(photograph(name).resize((600, 500)), (0, 80))
    draw.text((10, 640), "1,024 pictures in 12 albums, 3 selected", "black", font)
    return screen


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: photograph("chelsea"), lambda: photograph("coffee")),
        (lambda: photograph("coffee").crop((0, 0, 300, 400)), lambda: photograph("coffee").crop((300, 0, 600, 400))),
        (lambda: letter(1), lambda: letter(2)),
        (lambda: letter(11), lambda: letter(0)),
        (lambda: window("chelsea"), lambda: window("coffee")),
        (lambda: checkerboard(8), lambda: checkerboard(13)),
    ],
    ids=[
        "photographs",
        "two halves of one",
        "letters",
        "letters of like lines",
        "windows of one program",
        "checkerboards",
    ],
)
def test_different_pictures_are_not_proven(first: Callable[[], Picture], second: Callable[[], Picture]) -> None:
    a, b = (find_features(np.asarray(make())) for make in (first, second))
    assert not prove(a, b).is_copy
    assert not prove(b, a).is_copy


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (1, 5000, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (5000, 3, 3), np.uint8),
        np.full((300, 400, 3), 128, np.uint8),
        np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8),
    ],
    ids=["a pixel", "a row", "a strip", "flat", "noise"],
)
def test_what_has_no_features_or_too_many_is_bounded(image: Image) -> None:
    features = find_features(image)
    assert len(features.points) <= MOST
    assert not prove(features, original()).is_copy
    assert not prove(original(), features).is_copy
    assert features.nbytes < 500_000


def test_the_facts_are_plain_and_leave_out_the_lines() -> None:
    proof = prove(original(), original())
    facts = proof.facts()
    assert proof.matches >= LEAST_MATCHES
    assert facts["found"].keys() == {"outline", "outline_of_original", "mirrored", "inverted", "edits"}

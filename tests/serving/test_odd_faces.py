"""Odd pictures with and without faces, through the face detector and a pipeline with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_image, running
from tests.serving.odd_pictures import ODD, crops, file_of, noise, turned
from tests.toys import ToyOperator
from visop.contract import Processor
from visop.rpc import rpc_pb2
from visop.serving.part_encoder import PartChoice, PartEncoder

pytestmark = pytest.mark.slow

Request = rpc_pb2.ExecuteRequest


def astronaut() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


def large() -> bytes:
    picture = Image.new("RGB", (8200, 6100), (60, 90, 120))
    picture.paste(astronaut().resize((4096, 4096)), (2000, 1000))
    return file_of(picture, "JPEG", quality=85)


FACE = (182, 63, 83, 108)
ODD_FACES: dict[str, tuple[Callable[[], bytes], tuple[float, ...]]] = {
    "grey": (lambda: file_of(astronaut().convert("L"), "JPEG"), FACE),
    "CMYK": (lambda: file_of(astronaut().convert("CMYK"), "JPEG"), FACE),
    "alpha": (lambda: file_of(astronaut().convert("RGBA")), FACE),
    "palette": (lambda: file_of(astronaut().convert("P", palette=Image.Palette.ADAPTIVE)), FACE),
    **{f"orientation {each}": (lambda each=each: turned(astronaut(), each), FACE) for each in range(2, 9)},  # type: ignore[misc]
    "50 megapixels": (large, (2000 + 8 * 182, 1000 + 8 * 63, 8 * 83, 8 * 108)),
}


@pytest.mark.parametrize("name", ODD_FACES)
def test_the_face_is_found_in_upright_pixels_and_cut_out(faces: Processor, name: str) -> None:
    file, expected = ODD_FACES[name]
    with running(faces, max_image_bytes=30_000_000) as server:
        reply = server.stub.Execute(Request(images=[file()]))
    part, crop = next(crops(reply))
    assert (part.label, len(part.keypoints), len(reply.parts)) == ("face", 5, 1)
    found = np.array([part.box.x, part.box.y, part.box.w, part.box.h])
    assert np.abs(found - expected).max() <= 0.08 * expected[3]
    assert np.abs(np.subtract(crop.size, found[2:])).max() < 2


@pytest.mark.parametrize("name", ["1 x 1", "1 x 5000", "5000 x 1", "black and white", "nothing", "noise"])
@pytest.mark.parametrize("whole", [False, True])
def test_no_face_is_no_error(faces: Processor, name: str, whole: bool) -> None:
    given = {"nothing": make_image(size=(640, 480)), "noise": file_of(noise(640, 480))}
    file = given.get(name) or ODD[name][0]
    with running(PartEncoder(faces, ToyOperator(), PartChoice(whole=whole))) as server:
        reply = server.stub.Execute(Request(images=[file], partial=True))
    assert ([status.code for status in reply.statuses], reply.nums, len(reply.vectors)) == ([0], whole, whole)


def test_of_300_faces_the_best_are_answered_in_bounded_memory(faces: Processor) -> None:
    face = astronaut().crop((150, 30, 300, 205)).resize((60, 70))
    crowd = Image.new("RGB", (20 * 60, 15 * 70))
    for number in range(300):
        shade = face.point(lambda value, number=number: value * (300 + number) // 600)
        crowd.paste(shade, (number % 20 * 60, number // 20 * 70))
    file = file_of(crowd)
    scores = [each.score for each in faces.execute(np.asarray(crowd))]
    assert len(scores) > 250
    with running(PartEncoder(faces, ToyOperator(), PartChoice(most=100))) as server:
        replies = [server.stub.Execute(Request(images=[file]))]
        before = resident_mib()
        replies += [server.stub.Execute(Request(images=[file] * 2)) for _ in range(6)]
        assert resident_mib() < before + 100
    for reply, pictures in zip(replies, [1, *6 * [2]], strict=True):
        assert len(reply.vectors) == 100 * pictures
        answered = [part.score for part in reply.parts]
        np.testing.assert_allclose(answered, sorted(scores, reverse=True)[:100] * pictures, atol=1e-4)


def resident_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024

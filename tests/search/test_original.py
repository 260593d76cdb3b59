import hashlib
import io
from dataclasses import replace

import pytest
from PIL import ExifTags
from PIL import Image as PILImage

from visop.search.original import original_first
from visop.search.schema import Picture
from visop.settings import Settings


@pytest.fixture
def save(tmp_path):
    """A picture of an index, with its file."""

    def saved(name, size=(64, 48), *, make="", software="", modified=100, quality=80, kind="JPEG"):
        image, exif, file = PILImage.effect_noise(size, 60).convert("RGB"), PILImage.Exif(), io.BytesIO()
        for tag, value in ((ExifTags.Base.Make, make), (ExifTags.Base.Software, software)):
            if value:
                exif[tag] = value
        image.save(file, kind, exif=exif, **({"quality": quality} if kind == "JPEG" else {}))
        data = file.getvalue()
        (tmp_path / name).write_bytes(data)
        width, height = size
        names = (str(tmp_path / name),)
        return Picture(hashlib.sha256(data).hexdigest(), names, width, height, len(data), modified, 1)

    return saved


def first(*pictures, likeness=None):
    order, why = original_first(pictures, likeness or [0.9] * len(pictures), Settings())
    assert sorted(order) == list(range(len(pictures)))
    return pictures[order[0]], why


def test_the_file_of_the_camera_is_kept_even_where_a_copy_was_enlarged(save):
    camera, enlarged = save("a.jpg", make="Canon"), save("b.jpg", (640, 480))
    assert first(enlarged, camera) == (camera, "as the camera wrote it")


def test_what_an_image_program_wrote_is_not_the_file_of_the_camera(save):
    edited, plain = save("a.jpg", make="Canon", software="Adobe Photoshop 25"), save("b.jpg", (640, 480))
    assert first(edited, plain) == (plain, "the most pixels")


def test_the_largest_the_least_compressed_and_the_oldest_come_first(save):
    small, large = save("a.jpg", (32, 24)), save("b.jpg")
    assert first(small, large) == (large, "the most pixels")
    rough = save("c.jpg", quality=20, modified=1)
    assert first(rough, large) == (large, "the least compressed")


def test_a_frame_makes_no_original_of_a_copy(save):
    plain, framed, cut = save("a.jpg"), save("b.jpg", (80, 60)), save("c.jpg", (60, 44))
    assert first(framed, plain, cut, likeness=[0.8, 0.9, 0.85]) == (plain, "most like the others")


def test_equal_ones_are_told_apart_by_their_age(save):
    picture = save("a.png", kind="PNG")
    older = Picture("0" * 64, ("/gone.png",), picture.width, picture.height, picture.bytes, 1, 1)
    newer = Picture("1" * 64, ("/gone too.png",), picture.width, picture.height, picture.bytes, 2, 1)
    assert first(newer, older) == (older, "the oldest")


def test_a_file_that_is_gone_is_not_the_one_to_keep(save):
    there = save("a.jpg", (32, 24))
    gone = Picture("0" * 64, ("/gone.jpg",), 4000, 3000, 9_000_000, 1, 1)
    assert first(gone, there) == (there, "the only one that can still be read")


def test_broken_exif_says_nothing(save, tmp_path):
    picture = save("a.jpg", make="Canon")
    data = (tmp_path / "a.jpg").read_bytes().replace(b"Exif\0\0", b"Exif\0\0\xff\xff", 1)
    (tmp_path / "b.jpg").write_bytes(data)
    broken = Picture(hashlib.sha256(data).hexdigest(), (str(tmp_path / "b.jpg"),), 64, 48, len(data), 1, 1)
    assert first(broken, picture)[0] == picture


def test_a_copy_of_the_same_age_is_known_by_what_its_name_says(save):
    original = save("IMG_1.jpg")
    mirrored = replace(save("IMG_1 mirrored.jpg"), bytes=original.bytes)
    for pictures in ((original, mirrored), (mirrored, original)):
        assert first(*pictures) == (original, "the shortest name")

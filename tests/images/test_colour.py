"""Profiles are applied, or ignored; never an error, and never slow."""

from __future__ import annotations

import struct
import threading
import time

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageCms

from benchmarks.renditions import SPACES
from visop.images.colours.conversion import to_srgb
from visop.images.colours.profiles import Gamut, coded_profile, gamma_curve, rgb_profile

P3 = SPACES[0][3]
PICTURE = PILImage.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))


def with_space(profile: bytes, space: bytes) -> bytes:
    return profile[:16] + space + profile[20:]


def test_a_profile_of_srgb_in_any_words_changes_nothing() -> None:
    for profile in (coded_profile(1, 13), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        assert to_srgb(PICTURE, profile) is PICTURE


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"x" * 200,
        P3[:100],
        P3[:300],
        with_space(P3, b"Lab "),
        with_space(P3, b"GRAY"),
        with_space(P3, b"CMYK"),
        P3[:12] + b"link" + P3[16:],
        P3[:20] + b"RGB " + P3[24:],
        P3.ljust(5 * 2**20, b"\0"),
    ],
    ids=["empty", "garbage", "head", "cut off", "Lab", "grey", "CMYK", "link", "wrong connection", "too large"],
)
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes) -> None:
    assert to_srgb(PICTURE, profile) is PICTURE


def test_grey_is_converted_by_a_profile_for_colours_too() -> None:
    linear = rgb_profile(Gamut(), gamma_curve(1))
    grey = np.asarray(to_srgb(PILImage.new("L", (2, 2), 128), linear))
    assert (np.abs(grey.astype(int) - 188) <= 1).all()


def test_a_profile_with_a_long_chain_of_steps_takes_no_time() -> None:
    steps = 20_000
    step = b"matf" + struct.pack(">4xHH12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    chain = struct.pack(">4s4xHHL", b"mpet", 3, 3, steps) + struct.pack(">LL", 16 + 8 * steps, len(step)) * steps + step
    tags = struct.pack(">L", 1) + struct.pack(">4sLL", b"D2B0", 144, len(chain))
    profile = struct.pack(">L", 144 + len(chain)) + P3[4:128] + tags + chain
    started = time.thread_time()
    assert to_srgb(PICTURE, profile) is PICTURE
    assert time.thread_time() - started < 2  # it took 80 s


def test_more_profiles_than_are_kept_are_applied_by_many_threads() -> None:
    profiles = [rgb_profile(Gamut(), gamma_curve(1 + number / 20)) for number in range(18)]
    expected = [np.asarray(to_srgb(PICTURE, profile)) for profile in profiles]
    wrong: list[int] = []

    def work() -> None:
        for number, profile in enumerate(profiles):
            if not (np.asarray(to_srgb(PICTURE, profile)) == expected[number]).all():
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len({image.tobytes() for image in expected}) == 18

"""What a file says about its colours: which of several descriptions counts, as in Chromium 156."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from benchmarks.renditions import SPACES, chunk, png, saved
from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings(formats=("PNG", "AVIF")))
COLOUR = (200, 80, 40)
PICTURE = np.full((16, 16, 3), COLOUR, np.uint8)

PROFILES = {name: profile for name, _, _, profile in SPACES}
P3, LINEAR = (chunk(b"iCCP", b"x\0\0" + zlib.compress(PROFILES[name])) for name in ("Display P3", "linear light"))
SRGB = chunk(b"sRGB", b"\0")
GAMMA_1 = chunk(b"gAMA", struct.pack(">L", 100_000))
GAMMA_OF_SRGB = chunk(b"gAMA", struct.pack(">L", 45_455))
NO_GAMMA = chunk(b"gAMA", bytes(4))
CHRM_P3 = chunk(b"cHRM", struct.pack(">8L", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
NO_CHRM = chunk(b"cHRM", bytes(32))
CICP_P3, CICP_LIMITED, CICP_PQ = (
    chunk(b"cICP", bytes(codes)) for codes in ([12, 13, 0, 1], [12, 13, 0, 0], [9, 16, 0, 1])
)
TEXTS = b"".join(chunk(b"tEXt", key + b"\0text") for key in (b"icc_profile", b"gamma", b"srgb", b"transparency"))


def decoded(chunks: bytes = b"", after: bytes = b"") -> tuple[int, ...]:
    return tuple(map(int, decode_image(png(PICTURE, 8, 2, chunks, after), LIMITS)[0, 0]))


# The chunks, and those that mean the same alone.
CASES = {
    "cICP before a profile": (CICP_P3 + LINEAR, CICP_P3),
    "cICP of limited range": (CICP_LIMITED + LINEAR, LINEAR),
    "cICP of HDR beside a profile": (CICP_PQ + LINEAR, LINEAR),
    "profile after sRGB": (SRGB + LINEAR, LINEAR),
    "profile before sRGB": (LINEAR + SRGB, LINEAR),
    "profile before gAMA": (P3 + GAMMA_1, P3),
    "sRGB before gAMA": (SRGB + GAMMA_1 + CHRM_P3, b""),
    "cHRM alone": (CHRM_P3, b""),
    "gAMA of sRGB": (GAMMA_OF_SRGB, b""),
    "gAMA of 0": (NO_GAMMA, b""),
    "impossible cHRM": (GAMMA_1 + NO_CHRM, b""),
    "texts with the names of chunks": (TEXTS, b""),
    "corrupt profile": (chunk(b"iCCP", b"x\0\0no zlib"), b""),
    "no profile": (chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile" * 20)), b""),
}


@pytest.mark.parametrize(("chunks", "same_as"), CASES.values(), ids=CASES)
def test_one_description_of_several_counts(chunks: bytes, same_as: bytes) -> None:
    assert decoded(chunks) == decoded(same_as)


def test_the_descriptions_that_count_differ() -> None:
    assert len({decoded(), decoded(P3), decoded(LINEAR)}) == 3
    assert decoded() == COLOUR


def test_what_stands_after_the_pixels_does_not_count() -> None:
    assert decoded(after=LINEAR) == COLOUR
    assert decoded(after=GAMMA_1) == COLOUR


def test_an_avif_is_converted_by_its_code_points() -> None:
    plain = saved(PICTURE, "AVIF", quality=95)
    at = plain.index(b"colrnclx") + 8

    def shown(primaries: int, transfer: int) -> tuple[int, ...]:
        file = plain[:at] + struct.pack(">HH", primaries, transfer) + plain[at + 4 :]
        return tuple(map(int, decode_image(file, LIMITS)[0, 0]))

    assert shown(1, 13) == shown(2, 2) == shown(1, 1)
    assert shown(12, 13)[0] > shown(1, 13)[0] + 5  # the red of Display P3 is beyond that of sRGB
    assert shown(1, 8)[0] > shown(1, 13)[0] + 20  # linear light is brighter
    with pytest.raises(ImageDecodeError, match=r"HDR \(HLG\)"):
        shown(9, 18)

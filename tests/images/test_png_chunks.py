"""Chunks of a PNG are found, whatever the rest of the file is."""

from __future__ import annotations

import time

import numpy as np
import pytest

from benchmarks.renditions import chunk, png
from visop.images.formats.png_chunks import find_chunk

PIXELS = np.zeros((4, 4), np.uint8)


def test_a_chunk_is_found_before_and_after_the_pixels() -> None:
    data = png(PIXELS, 8, 0, chunk(b"gAMA", b"1234"), after=chunk(b"eXIf", b"exif"))
    assert find_chunk(data, b"gAMA", before_pixels=True) == b"1234"
    assert find_chunk(data, b"eXIf") == b"exif"
    assert find_chunk(data, b"eXIf", before_pixels=True) == b""


def test_letters_within_another_chunk_are_no_chunk() -> None:
    assert find_chunk(png(PIXELS, 8, 0, chunk(b"tEXt", b"eXIf\0eXIf")), b"eXIf") == b""


@pytest.mark.parametrize("end", range(8, 60, 3))
def test_a_file_that_ends_anywhere_is_no_error(end: int) -> None:
    data = png(PIXELS, 8, 0, chunk(b"gAMA", b"1234"))
    assert find_chunk(data[:end] + b"eXIf", b"eXIf") == b""


def test_a_million_empty_chunks_are_not_walked_through() -> None:
    data = png(PIXELS, 8, 0, chunk(b"tEXt", b"") * 1_000_000, after=chunk(b"eXIf", b"exif"))
    started = time.thread_time()
    assert find_chunk(data, b"eXIf") == b""
    assert time.thread_time() - started < 1

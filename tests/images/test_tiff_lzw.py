"""A strip with LZW ends where its rows do."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image as PILImage
from PIL.TiffImagePlugin import TiffImageFile

from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.tiff_lzw import is_lzw_whole
from visop.synthetic.generate import generate_picture

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=10_000_000, max_frames=100, formats=("TIFF",))
PICTURE = PILImage.fromarray(generate_picture(5, 256))
ROWS_OF_A_STRIP, PREDICTOR = 278, 317


def tiff(image: PILImage.Image, **tags: int) -> bytes:
    file = io.BytesIO()
    info = {ROWS_OF_A_STRIP: tags["rows"]} if "rows" in tags else {}
    image.save(file, "TIFF", compression="tiff_lzw", tiffinfo=info | {PREDICTOR: tags.get("predictor", 1)})
    return file.getvalue()


def strips_of(data: bytes) -> list[tuple[int, int]]:
    with TiffImageFile(io.BytesIO(data)) as image:
        return list(zip(image.tag_v2[273], image.tag_v2[279], strict=True))


def codes(*values: int) -> bytes:
    """Codes of 9 bits."""
    bits = "".join(f"{value:09b}" for value in values)
    return int(bits.ljust(-len(bits) // 8 * -8, "0"), 2).to_bytes(-(-len(bits) // 8))


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("predictor", [1, 2])
def test_a_code_that_stands_for_another_number_of_bytes_is_found(predictor: int, place: float) -> None:
    data = tiff(PICTURE, predictor=predictor, rows=64)
    start, size = strips_of(data)[1]
    at = start + int(place * size)
    with pytest.raises(ImageDecodeError, match="damaged TIFF: its compressed data are corrupt"):
        decode_image(data[:at] + bytes(each ^ 0x15 for each in data[at : at + 6]) + data[at + 6 :], LIMITS)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "CMYK"])
@pytest.mark.parametrize("tags", [{}, {"rows": 100}, {"rows": 7, "predictor": 2}, {"rows": 1}], ids=str)
def test_whole_pictures_are_decoded(mode: str, tags: dict[str, Any]) -> None:
    if mode == "1":
        tags = tags | {"predictor": 1}
    for image in (PICTURE.resize((97, 133)), PILImage.new("RGB", (300, 20))):
        assert decode_image(tiff(image.convert(mode), **tags), LIMITS).shape == (image.height, image.width, 3)


def test_only_what_ends_with_the_end_code_is_looked_at() -> None:
    whole, more = codes(256, 1, 2, 3, 257), codes(256, 1, 2, 3, 4, 257)
    assert is_lzw_whole([whole, whole + b"\0"], 3, 1)
    assert not is_lzw_whole([whole, more], 3, 1)
    assert is_lzw_whole([codes(256, 1, 2, 3, 4), more[1:], b""], 3, 1)


def test_an_end_code_of_a_bit_too_few_is_known() -> None:
    """Behind the 254th code of a table codes get 10 bits; some programs write the end code there with 9."""
    row = bytes(range(254))
    assert is_lzw_whole([codes(256, *row, 257), codes(256, *row[:-2], 258, 257)], len(row), 1)
    assert not is_lzw_whole([codes(256, *row, 257)], len(row) - 1, 1)


def test_tiles_are_checked() -> None:
    tiles = [PICTURE.convert("L").crop((x, y, x + 64, y + 64)) for y in (0, 64) for x in (0, 64)]
    parts = [data[slice(at, at + size)] for data in map(tiff, tiles) for at, size in strips_of(data)]

    def tiled(parts: list[bytes]) -> bytes:
        places = [8 + sum(map(len, parts[:at])) for at in range(len(parts))]
        lists = struct.pack("<8L", *places, *map(len, parts))
        behind = 8 + sum(map(len, parts))
        tags = [(256, 100), (257, 90), (258, 8), (259, 5), (262, 1), (277, 1), (322, 64), (323, 64)]
        entries = [struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags]
        entries += [struct.pack("<HHLL", tag, 4, 4, behind + 16 * at) for at, tag in enumerate((324, 325))]
        directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
        return b"II*\0" + struct.pack("<L", behind + len(lists)) + b"".join(parts) + lists + directory

    assert decode_image(tiled(parts), LIMITS).shape == (90, 100, 3)
    parts[1] = parts[1][:500] + bytes(each ^ 0x15 for each in parts[1][500:506]) + parts[1][506:]
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode_image(tiled(parts), LIMITS)

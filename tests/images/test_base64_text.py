from __future__ import annotations

import base64
import itertools
import random
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, quote, quote_from_bytes

import pytest

from tests.conftest import make_image
from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.base64_text import decode_base64


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda data: base64.b64encode(data).decode(), id="standard"),
        pytest.param(lambda data: base64.urlsafe_b64encode(data).decode(), id="url-safe"),
        pytest.param(lambda data: base64.b64encode(data).decode().rstrip("="), id="no padding"),
        pytest.param(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="), id="url-safe, no padding"),
        pytest.param(lambda data: base64.encodebytes(data).decode(), id="76 columns"),
        pytest.param(lambda data: base64.encodebytes(data).decode().replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda data: f"  {base64.b64encode(data).decode()}\n", id="white space around"),
        pytest.param(lambda data: "data:image/png;base64," + base64.b64encode(data).decode(), id="data URI"),
        pytest.param(lambda data: "DATA:Image/X;a=b;BASE64," + base64.b64encode(data).decode(), id="DATA URI"),
        pytest.param(lambda data: "data:image/png;base64," + base64.encodebytes(data).decode(), id="data URI, columns"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 250])
def test_base64_is_taken_in_every_common_form(form: Callable[[bytes], str], size: int) -> None:
    data = bytes(itertools.islice(itertools.cycle(range(255, -1, -1)), size))  # begins with "/" and "_"
    assert decode_base64(form(data), 10_000) == data


@pytest.mark.parametrize("text", ["????", "Q", "QUJDR", "Q=JD", "QUJD\x00", "QÜJD", "ＱＵＪＤ", "\ud800", "%2B%2B"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(ImageDecodeError, match=r"^not valid base64$"):
        decode_base64(text, 100)


@pytest.mark.parametrize("text", ["", "   \n", "data:image/png;base64,", "data:,", "data:image/png,"])
def test_an_empty_input_is_refused(text: str) -> None:
    with pytest.raises(ImageDecodeError, match="empty"):
        decode_base64(text, 100)


@pytest.mark.parametrize(
    "header", ["data:image/png,", "data:,", "data:", f"data:image/{'x' * 300};base64,", "data:image/png;base64;x,"]
)
def test_a_data_uri_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(ImageDecodeError, match="data URI"):
        decode_base64(header + "QUJD", 100)


@pytest.mark.parametrize("size", [97, 98, 99, 100])
def test_base64_of_just_the_limit_passes_and_a_byte_more_does_not(size: int) -> None:
    lines = base64.encodebytes(bytes(size)).decode()
    assert decode_base64(lines, size) == bytes(size)
    with pytest.raises(ImageTooLarge, match=rf"image has {size} bytes, the limit is {size - 1}"):
        decode_base64(base64.b64encode(bytes(size)).decode(), size - 1)


def test_base64_over_the_limit_is_refused_by_its_length_before_it_is_decoded() -> None:
    with pytest.raises(ImageTooLarge, match="image has 750,000 bytes, the limit is 1,000"):
        decode_base64("?" * 1_000_000, 1000)


def test_white_space_does_not_count() -> None:
    assert decode_base64("QUJD" + " \n" * 100_000, 3) == b"ABC"


TEXT = base64.b64encode(bytes(range(256))).decode()


@pytest.mark.parametrize(
    "header",
    [
        *"""
    data:;base64, data:application/octet-stream;base64, data:text/plain;base64, data:image/*;base64,
    DATA:IMAGE/PNG;BASE64, data:image/png;charset=utf-8;base64, data:;charset=US-ASCII;base64,
    """.split(),  # noqa: SIM905 - a table
        "data:image/png; base64,",
        "data: image/png ;base64 ,",
    ],
)
def test_the_media_type_of_a_data_uri_may_be_any_or_missing(header: str) -> None:
    assert decode_base64(header + TEXT, 1000) == bytes(range(256))
    assert decode_base64(header + quote(TEXT, safe=""), 1000) == bytes(range(256))


@pytest.mark.parametrize("header", ["data:image/png,", "data:,", "data:image/gif;charset=utf-8,"])
def test_a_data_uri_may_be_percent_encoded(header: str) -> None:
    data = bytes(range(256))
    assert decode_base64(header + quote_from_bytes(data), 1000) == data
    assert decode_base64(header + "".join(f"%{octet:02x}" for octet in data), 1000) == data


def test_a_data_uri_without_base64_has_the_same_limit() -> None:
    with pytest.raises(ImageTooLarge, match="image has 11 bytes, the limit is 10"):
        decode_base64("data:," + "%ff" * 11, 10)


@pytest.mark.parametrize("text", ["data:image/png;base64,%zz", "data:,%ff\ud800"])
def test_what_is_no_percent_encoding_is_refused(text: str) -> None:
    with pytest.raises(ImageDecodeError, match=r"^not valid base64$"):
        decode_base64(text, 100)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes], ids=["one line", "76 columns"])
def test_a_plus_that_became_a_space_is_one_again(encode: Callable[[bytes], bytes], seed: int) -> None:
    """As in a form that was not percent-encoded: + stands for a space there."""
    data = random.Random(seed).randbytes(3000 + seed)
    text = parse_qs(f"data={encode(data).decode()}")["data"][0]
    assert " " in text
    assert "+" not in text
    assert decode_base64(text, 10_000) == data
    assert decode_base64("data:image/png;base64," + text, 10_000) == data


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("size", [300, 301, 302])
def test_it_is_one_again_however_few_there_are(count: int, size: int) -> None:
    text = base64.b64encode(bytes(size)).decode()
    places = random.Random(count).sample(range(8, 390), count)
    text = "".join("+" if place in places else sign for place, sign in enumerate(text))
    assert decode_base64(text.replace("+", " "), 1000) == decode_base64(text, 1000)


@pytest.mark.parametrize(
    "lay_out",
    [
        lambda text: text.replace("\n", " "),
        lambda text: text.replace("\n", "\n    "),
        lambda text: text.replace("\n", " \n"),
        lambda text: text.replace("\n", "\r\n\t"),
        lambda text: "    " + text.replace("\n", "\n    "),
        lambda text: " ".join(text.replace("\n", "")[start : start + 4] for start in range(0, len(text), 4)),
        lambda text: "  ".join(text.replace("\n", "")[start : start + 64] for start in range(0, len(text), 64)),
    ],
)
@pytest.mark.parametrize("size", [250, 1000, 1001, 1002])
def test_spaces_that_lay_a_text_out_are_none(lay_out: Callable[[str], str], size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert decode_base64(lay_out(base64.encodebytes(data).decode().strip()), 10_000) == data


@pytest.mark.parametrize("text", ["A" + " " * 2_000_000 + "A", "A \n" * 700_000, "data:," + "%41" * 700_000])
def test_a_hostile_text_costs_little(text: str) -> None:
    start = time.process_time()
    with suppress(ImageTooLarge, ImageDecodeError):
        decode_base64(text, 1000)
    assert time.process_time() - start < 1


def test_a_picture_survives_a_form() -> None:
    image = make_image((3, 4, 5), (200, 150), "JPEG")
    assert decode_base64(base64.b64encode(image).decode().replace("+", " "), 100_000) == image

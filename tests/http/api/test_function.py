"""The function service's form over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conftest import Running, make_scene
from tests.toys import ToyProcessor
from visop.detection import Detection
from visop.processors.ssd.labels import VOC

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)})
TEXT = base64.b64encode(SCENE)

Both = tuple[Running, httpx.Client]


@pytest.mark.parametrize(
    "body",
    [SCENE, TEXT, base64.encodebytes(SCENE), TEXT.rstrip(b"="), b"data:image/png;base64," + TEXT],
    ids=["the file", "base64", "lines of base64", "without padding", "data URI"],
)
def test_each_part_is_an_entry_of_its_own_in_strings(finding: Both, body: bytes) -> None:
    answer = finding[1].post("/function/colours", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == (
        '[{"class": "200-0-0", "confidence": "0.065104164", "xmin": "10", "ymin": "5", "xmax": "30", "ymax": "15"}, '
        '{"class": "0-0-250", "confidence": "0.013020833", "xmin": "40", "ymin": "20", "xmax": "45", "ymax": "28"}]\n'
    )


def test_what_curl_sends_by_default_is_read(finding: Both) -> None:
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    assert len(finding[1].post("/function/colours/", content=TEXT, headers=head).json()) == 2


def test_nothing_found_is_an_empty_list(finding: Both) -> None:
    assert finding[1].post("/function/colours", content=make_scene({})).text == "[]\n"


@pytest.mark.parametrize("body", [b"", b"no picture", b"\x89PNG", SCENE[:-30], TEXT[:-30]], ids=["empty", *"abcd"])
def test_a_bad_picture_is_the_problem_of_the_caller(finding: Both, body: bytes) -> None:
    answer = finding[1].post("/function/colours", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_another_name_is_not_found_and_told_which_there_is(finding: Both) -> None:
    answer = finding[1].post("/function/ssd-test", content=SCENE)
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "there is no function 'ssd-test' here; there is colours",
    )


def test_a_form_is_refused_with_what_to_send(finding: Both) -> None:
    answer = finding[1].post("/function/colours", files={"image": SCENE})
    assert (answer.status_code, answer.json()["detail"]) == (
        415,
        "a form: send the file, or its base64, as the body itself",
    )


def test_an_encoder_is_no_function(web: httpx.Client) -> None:
    assert web.post("/function/toy", content=SCENE).status_code == 404


class _Objects(ToyProcessor):
    """As SSD-300 is called, with labels whose places are known."""

    name = "ssd300"
    labels = VOC


def test_the_class_is_the_number_of_the_label_under_the_names_of_the_original(
    start_both: Callable[..., tuple[Running, httpx.Client]],
) -> None:
    server, web = start_both(_Objects())
    server.operator.answer = [
        Detection((0.2, 47.4, 0.3, 0.6), "dog", 0.9948125),
        Detection((3.7, 4, 9.9, 8), "bird", 1),
    ]
    wanted: list[dict[str, Any]] = [
        {"class": "3", "confidence": "1.0", "xmin": "3", "ymin": "4", "xmax": "13", "ymax": "12"},
        {"class": "12", "confidence": "0.9948125", "xmin": "0", "ymin": "47", "xmax": "1", "ymax": "48"},
    ]
    for name in ("ssd300", "ssd-test", "ssd-image"):
        answer = json.loads(web.post(f"/function/{name}", content=SCENE).text)
        assert answer == wanted
        assert [list(entry) for entry in answer] == [["class", "confidence", "xmin", "ymin", "xmax", "ymax"]] * 2


def test_limits_hold_as_for_other_calls(start_both: Callable[..., tuple[Running, httpx.Client]]) -> None:
    _, web = start_both(ToyProcessor(), max_message_bytes=1 << 20, max_image_bytes=1 << 20)
    answer = web.post("/function/colours", content=bytes((1 << 20) + 1))
    assert answer.status_code == 413
    answer = web.post("/function/colours", content=SCENE, headers={"X-Request-Timeout": "0"})
    assert answer.status_code == 400

"""The analysis module's form over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import Running, make_scene

SCENE = make_scene({(200, 0, 0): (10, 5, 20, 10), (0, 0, 250): (40, 20, 5, 8)})

Both = tuple[Running, httpx.Client]


def test_positions_and_labels_are_those_of_the_original(finding: Both) -> None:
    answer = finding[1].post("/analysis", files={"image": ("x.png", SCENE)})
    assert answer.status_code == 200
    assert answer.json() == [
        {
            "position": {"x": 10.0, "y": 5.0, "w": 20.0, "h": 10.0},
            "label": [{"description": "200-0-0", "score": pytest.approx(200 / 3072)}],
        },
        {
            "position": {"x": 40.0, "y": 20.0, "w": 5.0, "h": 8.0},
            "label": [{"description": "0-0-250", "score": pytest.approx(40 / 3072)}],
        },
    ]


def test_nothing_found_is_an_empty_list(finding: Both) -> None:
    assert finding[1].post("/analysis", files={"image": make_scene({})}).json() == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ([], "image: must be one file, and 0 were sent"),
        ([("image", SCENE)] * 2, "image: must be one file, and 2 were sent"),
        ([("images", SCENE)], "images: there is no such part; there is image"),
        ([("image", b"GIF8")], "not an image"),
    ],
    ids=["none", "two", "another name", "no picture"],
)
def test_a_wrong_form_is_refused_with_what_is_wrong(
    finding: Both, files: list[tuple[str, bytes]], complaint: str
) -> None:
    head = {} if files else {"Content-Type": "multipart/form-data; boundary=x"}
    answer = finding[1].post("/analysis", files=files or None, content=None if files else b"--x--\r\n", headers=head)
    assert answer.status_code == 400
    assert complaint in answer.json()["detail"]


def test_an_encoder_has_none(web: httpx.Client) -> None:
    assert web.post("/analysis", files={"image": SCENE}).status_code == 404

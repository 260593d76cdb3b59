"""Processors over HTTP: the same as over gRPC, and pictures for people."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from google.protobuf import json_format
from PIL import Image

from tests.conftest import Running, make_scene
from visop.rpc import rpc_pb2

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)})
ASKED = {"images": [base64.b64encode(SCENE).decode()]}
JPEG = {"Accept": "image/jpeg"}


@pytest.mark.parametrize("crops", [{}, {"omit": True}, {"margin": 0.5, "quality": 30}], ids=str)
def test_the_reply_is_that_of_grpc(finding: tuple[Running, httpx.Client], crops: dict[str, Any]) -> None:
    server, web = finding
    answer = web.post("/v1/execute", json=ASKED | {"crops": crops})
    over_grpc = server.stub.Execute(rpc_pb2.ExecuteRequest(images=[SCENE], crops=rpc_pb2.Crops(**crops)))
    assert json_format.Parse(answer.text, rpc_pb2.ExecuteReply()) == over_grpc
    assert len(over_grpc.parts) == 2


def test_a_form_takes_files_and_the_crops_in_json(finding: tuple[Running, httpx.Client]) -> None:
    form = {"crops": json.dumps({"omit": True})}
    reply = finding[1].post("/v1/execute", files=[("images", SCENE)], data=form).json()
    assert (len(reply["parts"]), reply["metadata"]) == (2, [])


def test_a_jpeg_has_the_boxes_drawn_onto_the_picture(finding: tuple[Running, httpx.Client]) -> None:
    answer = finding[1].post("/v1/execute", json=ASKED, headers=JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        drawn = np.asarray(picture.convert("RGB"), int)
    plain = np.asarray(Image.open(io.BytesIO(SCENE)), int)
    assert np.abs(drawn[30:, :35] - plain[30:, :35]).max() < 40
    assert np.abs(drawn[5:15, 10] - plain[5:15, 10]).max() > 40


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("application/json, image/jpeg", 200, "application/json"),
        ("image/*, */*;q=0.1", 200, "image/jpeg"),
        ("image/png", 406, "application/problem+json"),
    ],
)
def test_the_form_is_that_which_the_client_prefers(
    finding: tuple[Running, httpx.Client], accept: str, status: int, kind: str
) -> None:
    answer = finding[1].post("/v1/execute", json=ASKED, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)


def test_crops_that_are_null_in_a_form_are_as_if_left_out(finding: tuple[Running, httpx.Client]) -> None:
    reply = finding[1].post("/v1/execute", files=[("images", SCENE)], data={"crops": "null"}).json()
    assert len(reply["metadata"]) == 2


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"crops": "{"}, "crops: is not valid JSON"),
        ({"crops": ""}, "crops: is not valid JSON"),
        ({"crops": "[]"}, "crops: must be an object"),
        ({"crops": '{"quality": 0}'}, "crops.quality: must be at least 1"),
        ({"crops": '{"margin": NaN}'}, "crops.margin: must be a finite number"),
        ({"crops": '{"zoom": 2}'}, "crops.zoom: there is no such field"),
        ({"crops": f'{{"quality": {"0" * 10_000}1}}'}, "crops: has 10,014 bytes, the limit is 10,000"),
        ({"crops": ["{}", "{}"]}, "crops: may be given once, and was given 2 times"),
        ({"partial": ["true", "false"]}, "partial: may be given once, and was given 2 times"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_with_a_part_of_a_form_is_said_with_its_name(
    finding: tuple[Running, httpx.Client], data: dict[str, Any], detail: str
) -> None:
    answer = finding[1].post("/v1/execute", files=[("images", SCENE)], data=data)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_crops_in_json_have_numbers_that_json_has(finding: tuple[Running, httpx.Client]) -> None:
    body = json.dumps(ASKED | {"crops": {"margin": float("nan")}})
    answer = finding[1].post("/v1/execute", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (400, "crops.margin")
    assert answer.json()["detail"] == "crops.margin: must be a finite number"


@pytest.mark.parametrize("count", [0, 2])
def test_one_picture_is_drawn_and_not_several(finding: tuple[Running, httpx.Client], count: int) -> None:
    answer = finding[1].post("/v1/execute", json={"images": ASKED["images"] * count}, headers=JPEG)
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        f"{count} inputs, and the answer in image/jpeg is one picture",
    )


@pytest.mark.parametrize(
    "crops", [{"quality": 0}, {"quality": 101}, {"margin": -1}, {"margin": "wide"}, {"x": 1}], ids=str
)
def test_a_wrong_wish_for_crops_is_refused(finding: tuple[Running, httpx.Client], crops: dict[str, Any]) -> None:
    answer = finding[1].post("/v1/execute", json=ASKED | {"crops": crops})
    assert answer.status_code == 400
    assert "crops" in answer.json()["detail"]


def test_a_damaged_picture_is_a_problem_in_json_where_a_jpeg_was_asked_for(
    finding: tuple[Running, httpx.Client],
) -> None:
    answer = finding[1].post("/v1/execute", json={"images": ["AAAA"]}, headers=JPEG)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_processor_has_no_embed(finding: tuple[Running, httpx.Client]) -> None:
    assert finding[1].post("/embed", json={"inputs": "x"}).status_code == 404

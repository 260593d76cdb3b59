from __future__ import annotations

import logging
from typing import Any

import httpx
import numpy as np
import pytest
from google.protobuf import json_format

from tests.conftest import Running, make_base64, make_image, unit
from tests.toys import RAISES
from visop.rpc import rpc_pb2

Both = tuple[Running, httpx.Client]

COLOURS = [(9, 8, 7), (1, 2, 3), (50, 60, 70)]


def vectors(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array([vector["element"] for vector in answer.json()["vectors"]], np.float32)


def request_of_three(picture_server: str) -> rpc_pb2.ExecuteRequest:
    return rpc_pb2.ExecuteRequest(
        urls=[f"{picture_server}/9-8-7.png"], datas=[make_base64(COLOURS[1])], images=[make_image(COLOURS[2])]
    )


def test_the_protobuf_json_mapping_goes_in_and_comes_out(both: Both, picture_server: str) -> None:
    server, web = both
    request = request_of_three(picture_server)
    answer = web.post("/v1/execute", json=json_format.MessageToDict(request))
    np.testing.assert_allclose(vectors(answer), [unit(colour) for colour in COLOURS], atol=1e-6)
    assert json_format.Parse(answer.text, rpc_pb2.ExecuteReply()) == server.stub.Execute(request)


def test_a_partial_reply_is_that_of_grpc_to_the_last_bit(both: Both) -> None:
    server, web = both
    images = [make_image((3, 1, 4)), b"no image", make_image(RAISES)]
    request = rpc_pb2.ExecuteRequest(datas=["%"], images=images, partial=True)
    answer = web.post("/v1/execute", json=json_format.MessageToDict(request))
    assert json_format.Parse(answer.text, rpc_pb2.ExecuteReply()) == server.stub.Execute(request)


def test_files_are_uploaded_as_a_form(web: httpx.Client, picture_server: str) -> None:
    files = [("images", (f"{index}.png", make_image(colour))) for index, colour in enumerate(COLOURS)]
    answer = web.post("/v1/execute", files=files, data={"urls": f"{picture_server}/5-5-0.png"})
    np.testing.assert_allclose(vectors(answer), [unit(colour) for colour in [(5, 5, 0), *COLOURS]], atol=1e-6)


def test_a_form_can_be_partial(web: httpx.Client) -> None:
    files = [("images", ("a.png", make_image())), ("images", ("b.png", b"no image"))]
    answer = web.post("/v1/execute", files=files, data={"partial": "true"})
    assert [status["code"] for status in answer.json()["statuses"]] == [0, 3]


def test_an_upload_above_one_mebibyte_stays_in_memory(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.NamedTemporaryFile", None)  # what would write it to disk
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), np.uint8)
    file = b"P6 800 800 255 " + noise.tobytes()
    answer = web.post("/v1/execute", files=[("images", ("big.ppm", file))])
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")  # no accepted format, but read


def test_no_inputs_answer_an_empty_reply(web: httpx.Client) -> None:
    nothing = {"nums": "0", "vectors": [], "metadata": [], "statuses": [], "parts": []}
    assert web.post("/v1/execute", json={}).json() == nothing


def test_identity_is_that_of_grpc(both: Both) -> None:
    server, web = both
    identity = json_format.Parse(web.get("/v1/identity").text, rpc_pb2.IdentityReply())
    assert identity == server.stub.Identity(rpc_pb2.IdentityRequest())


def test_a_request_id_is_returned_and_a_harmful_one_replaced(web: httpx.Client) -> None:
    assert web.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert web.get("/healthz", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a line of the request log holds."""
    return vars(record)["visop_fields"]


def test_a_call_is_one_line_in_the_log(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "visop.request"):
        web.post("/v1/execute", json={"datas": [make_base64()]}, headers={"X-Request-Id": "one-line"})
    fields = next(fields for fields in map(fields_of, caplog.records) if fields["id"] == "one-line")
    assert (fields["rpc"], fields["code"], fields["items"]) == ("POST /v1/execute", "OK", 1)


def test_null_stands_for_a_field_that_is_absent(both: Both) -> None:
    _, web = both
    given = {"datas": [make_base64((3, 4, 0))], "images": None, "urls": None, "partial": None}
    assert json_format.ParseDict(given, rpc_pb2.ExecuteRequest()).datas
    np.testing.assert_allclose(vectors(web.post("/v1/execute", json=given)), [unit((3, 4, 0))], atol=1e-6)
    nothing = web.post("/v1/execute", json=dict.fromkeys(given))
    assert (nothing.status_code, nothing.json()["nums"]) == (200, "0")


@pytest.mark.parametrize("field", ["urls", "datas", "images"])
def test_null_in_a_list_is_an_error_with_its_place(web: httpx.Client, field: str) -> None:
    problem = web.post("/v1/execute", json={field: [make_base64(), None]}).json()
    assert (problem["field"], problem["detail"]) == (f"{field}[1]", f"{field}[1]: must be a string")


def test_null_for_no_field_at_all_is_none(web: httpx.Client) -> None:
    assert web.post("/v1/execute", content=b"null", headers={"Content-Type": "application/json"}).status_code == 400
    assert web.post("/v1/execute", json={"nothing": 1}).json()["field"] == "nothing"

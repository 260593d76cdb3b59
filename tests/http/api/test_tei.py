from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from tests.conftest import Running, make_base64, make_image, unit
from tests.toys import ToyOperator
from visop.rpc import rpc_pb2


def embed(web: httpx.Client, **body: Any) -> httpx.Response:
    return web.post("/embed", json=body)


def test_what_milvus_posts_is_answered_as_it_expects(web: httpx.Client, picture_server: str) -> None:
    # internal/util/function/models/tei/tei.go: {"inputs": [str], "truncate": bool, "truncation_direction": str}
    inputs = [f"{picture_server}/1-2-2.png", f"data:image/png;base64,{make_base64((4, 4, 2))}", make_base64((0, 3, 4))]
    answer = embed(web, inputs=inputs, truncate=True, truncation_direction="Right")
    assert answer.headers["content-type"] == "application/json"
    np.testing.assert_allclose(answer.json(), [unit((1, 2, 2)), unit((4, 4, 2)), unit((0, 3, 4))], atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"truncate": True, "truncation_direction": "Left"}], ids=["plain", "truncate"])
def test_the_probe_of_milvus_gets_a_fixed_vector_of_unit_length(web: httpx.Client, options: dict[str, Any]) -> None:
    # What `Check` in internal/util/function/embedding/text_embedding_function.go sends when a collection is created.
    # Go leaves out options that are not set.
    answer = embed(web, inputs=["check"], **options)
    assert (answer.status_code, answer.json()) == (200, [[1.0, 0.0, 0.0]])


@pytest.mark.parametrize("inputs", ["check", ["Check"], ["check "], ["check", "check"], ["prompt: check"], ["checks"]])
def test_only_the_probe_itself_gets_it(web: httpx.Client, inputs: object) -> None:
    answer = embed(web, inputs=inputs)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")


def test_the_probe_is_answered_while_the_model_serves_others(
    start_both: Callable[..., tuple[Running, httpx.Client]],
) -> None:
    operator = ToyOperator()
    server, web = start_both(operator, max_calls=2, max_batch=1)
    operator.gate.clear()
    held = server.stub.Execute.future(rpc_pb2.ExecuteRequest(images=[make_image()]))
    assert operator.entered.acquire(timeout=10)
    assert embed(web, inputs=["check"]).json() == [[1.0, 0.0, 0.0]]
    operator.gate.set()
    assert held.result(10).nums == 1


def test_a_single_input_needs_no_list(web: httpx.Client) -> None:
    np.testing.assert_allclose(embed(web, inputs=make_base64((3, 4, 0))).json(), [[0.6, 0.8, 0]], atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"normalize": False},
        {"truncate": None},
        {"truncation_direction": "Left"},
        {"prompt_name": None},
        {"dimensions": 3},
        {"something": "newer"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_is_said_of_texts_changes_nothing(web: httpx.Client, options: dict[str, Any]) -> None:
    data = make_base64((3, 4, 0))
    assert embed(web, inputs=[data], **options).json() == embed(web, inputs=[data]).json()


def test_a_dimension_that_the_operator_does_not_have_is_refused(web: httpx.Client) -> None:
    problem = embed(web, inputs=[], dimensions=64).json()
    assert (problem["detail"], problem["field"]) == ("dimensions 64: vectors of this operator have 3", "dimensions")


def test_bad_inputs_are_named_as_they_were_sent(web: httpx.Client) -> None:
    problem = embed(web, inputs=["https://169.254.169.254/x", make_base64(), "ftp://example.org/x", "cats"]).json()
    assert [violation["field"] for violation in problem["violations"]] == ["inputs[0]", "inputs[2]", "inputs[3]"]
    words = "neither a URL (http://..., https://...) nor an image file in base64 or as a data URI"
    assert f"inputs[3]: {words}" in problem["detail"]


@pytest.mark.parametrize("text", ["hello", "cats", "", "example.org/cat.jpg", "a text about a cat"])
def test_a_text_is_told_what_is_taken(web: httpx.Client, text: str) -> None:
    assert embed(web, inputs=text).json()["detail"].startswith("inputs[0]: neither a URL (http://..., https://...) nor")


@pytest.mark.parametrize("text", ["data:image/png;base64,aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=", make_base64()[:-40]])
def test_what_may_be_an_image_file_is_told_what_is_wrong_with_it(web: httpx.Client, text: str) -> None:
    assert "neither" not in embed(web, inputs=text).json()["detail"]


def test_null_stands_for_a_field_that_is_absent(web: httpx.Client) -> None:
    data, names = make_base64((3, 4, 0)), ("normalize", "truncate", "truncation_direction", "prompt_name", "dimensions")
    assert embed(web, inputs=data, **dict.fromkeys(names)).json() == embed(web, inputs=data).json()
    assert embed(web, inputs=None).json()["detail"] == "inputs: is missing"
    assert embed(web, inputs=[None]).json()["field"] == "inputs[0]"


def test_no_inputs_answer_no_vectors(web: httpx.Client) -> None:
    assert embed(web, inputs=[]).json() == []

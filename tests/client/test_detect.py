"""``Client.detect`` and its other forms, with the real server and one that knows only the original fields."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Running, make_base64, make_image, make_scene, unit
from tests.stub_operator import serving
from tests.toys import RAISES, ToyOperator, ToyProcessor
from visop.client import Client, FoundPart
from visop.client.parts import parts_of
from visop.errors import BadItems, FetchFailed, ImageTooLarge, InvalidInput, ModelFailed, UsageError, VisopError
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.part_encoder import PartChoice, PartEncoder

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)})
NOTHING = make_scene({})


@pytest.fixture
def client(start_server: Callable[..., Running]) -> Iterator[Client]:
    with Client(start_server(ToyProcessor()).address, timeout_s=20) as client:
        yield client


def boxes(found: Sequence[FoundPart] | VisopError) -> list[tuple[str, Any]]:
    assert isinstance(found, list)
    return [(part.label, part.box) for part in found]


def size_of(crop: bytes | None) -> tuple[int, int]:
    with Image.open(io.BytesIO(crop or b"")) as picture:
        assert picture.format == "JPEG"
        return picture.size


def test_what_is_found_comes_for_each_input_in_order(client: Client, picture_server: str) -> None:
    url, data, nothing, scene = client.detect(
        images=[NOTHING, SCENE], urls=[f"{picture_server}/1-2-3.png"], datas=[make_base64()]
    )
    assert (len(url), data, nothing) == (1, [], [])
    assert boxes(scene) == [("200-0-0", (10, 5, 20, 10)), ("0-0-250", (40, 20, 5, 8))]
    assert scene[0].score == pytest.approx(200 / 3072)
    assert scene[0].keypoints == ((19.5, 9.5),)
    assert (scene[0].crop, scene[0].vector) == (None, None)


def test_parts_are_cut_out_if_that_is_asked_for(client: Client) -> None:
    [found] = client.detect(images=[SCENE], crops=True)
    assert [size_of(part.crop) for part in found] == [(20, 10), (5, 8)]
    [found] = client.detect(images=[SCENE], crops=True, margin=0.5, quality=5)
    assert size_of(found[0].crop) == (40, 20)


def test_every_bad_input_is_named(client: Client) -> None:
    with pytest.raises(BadItems) as caught:
        client.detect(images=[SCENE, b"text", make_image(RAISES)])
    assert {name: type(error) for name, error in caught.value.items.items()} == {
        "images[1]": InvalidInput,
        "images[2]": ModelFailed,
    }


def test_a_bad_input_leaves_the_others_what_was_found_in_them(client: Client, picture_server: str) -> None:
    bad, text, scene = client.detect_partial(urls=[f"{picture_server}/page"], images=[b"text", SCENE])
    assert (type(bad), type(text)) == (FetchFailed, InvalidInput)
    assert len(boxes(scene)) == 2


def test_a_stream_comes_back_in_order_with_errors_in_their_places(client: Client) -> None:
    unreadable = InvalidInput("cannot be read")
    found = list(client.detect_stream([SCENE, b"text", unreadable, NOTHING, SCENE] * 4, batch=3, window=2))
    kinds = [type(each).__name__ if isinstance(each, VisopError) else len(each) for each in found]
    assert kinds == [2, "InvalidInput", "InvalidInput", 0, 2] * 4
    assert found[2] is unreadable


def test_a_pipeline_answers_the_vector_of_each_part(start_server: Callable[..., Running]) -> None:
    server = start_server(PartEncoder(ToyProcessor(), ToyOperator(), PartChoice(whole=True)))
    with Client(server.address, timeout_s=20) as client:
        [found] = client.detect(images=[SCENE])
    assert [label for label, _ in boxes(found)] == ["", "200-0-0", "0-0-250"]
    np.testing.assert_allclose(np.array(found[1].vector), unit(RED), atol=1e-6)


def test_who_encodes_with_what_finds_parts_is_told_what_to_call(start_server: Callable[..., Running]) -> None:
    pipeline = PartEncoder(ToyProcessor(), ToyOperator(), PartChoice())
    for operator, what in ((ToyProcessor(), "a processor"), (pipeline, "a pipeline, whose vectors are of the parts")):
        with Client(start_server(operator).address) as client:
            for call in (client.encode, client.encode_partial, lambda images: list(client.encode_stream(images))):
                with pytest.raises(UsageError, match=f"is {what}.*: call detect, detect_partial or detect_stream"):
                    call(images=[SCENE])


def test_an_encoder_of_whole_pictures_finds_no_parts(running_server: Running) -> None:
    with Client(running_server.address, timeout_s=20) as client:
        ways: list[Callable[[], object]] = [
            lambda: client.detect(images=[SCENE]),
            lambda: client.detect_partial(images=[SCENE]),
            lambda: list(client.detect_stream([SCENE])),
        ]
        for detect in ways:
            with pytest.raises(UsageError, match="finds no parts"):
                detect()


class OriginalProcessor(rpc_pb2_grpc.OperatorServicer):
    """As the original detectors answer: crops of the first input alone, and any error is UNKNOWN."""

    def Identity(self, request: Any, context: grpc.ServicerContext) -> rpc_pb2.IdentityReply:
        return rpc_pb2.IdentityReply(
            name="ssd", endpoint="127.0.0.1:80", type="processor", output="images", dimension="-1", metricType="-1"
        )

    def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:
        if request.urls:
            raise IndexError("list index out of range")
        picture = Image.open(io.BytesIO(base64.b64decode(request.datas[0])))
        crops = []
        for size in [(4, 3), (2, 1)] if picture.size == (64, 48) else []:
            file = io.BytesIO()
            picture.convert("RGB").resize(size).save(file, "JPEG")
            crops.append(rpc_pb2.MetaData(data=base64.b64encode(file.getvalue())))
        return rpc_pb2.ExecuteReply(nums=len(crops), metadata=crops)

    def Healthy(self, request: Any, context: grpc.ServicerContext) -> rpc_pb2.HealthyReply:
        return rpc_pb2.HealthyReply(healthy="healthy")

    def ExecuteStream(self, requests: Any, context: grpc.ServicerContext) -> Iterator[rpc_pb2.ExecuteReply]:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


@pytest.fixture
def original() -> Iterator[Client]:
    with serving(OriginalProcessor()) as port, Client(f"127.0.0.1:{port}", timeout_s=20) as client:
        yield client


def test_an_original_processor_answers_crops_of_each_picture(original: Client) -> None:
    data, nothing, scene = original.detect(images=[make_image(), SCENE], datas=[base64.b64encode(SCENE).decode()])
    assert (len(data), nothing) == (2, [])
    assert [size_of(part.crop) for part in scene] == [(4, 3), (2, 1)]
    assert (scene[0].box, scene[0].label, scene[0].score) == (None, "", None)


def test_an_original_processor_that_fails_on_a_picture_is_asked_for_the_others(original: Client) -> None:
    unreadable = InvalidInput("cannot be read")
    scene, gone, error, last = original.detect_stream([SCENE, "http://gone", unreadable, SCENE])
    assert (len(boxes(scene)), len(boxes(last)), error) == (2, 2, unreadable)
    assert str(gone).startswith("UNKNOWN")
    text, found = original.detect_partial(images=[b"x" * (1 + original.identity().limits.max_image_bytes), SCENE])
    assert isinstance(text, ImageTooLarge)
    assert len(boxes(found)) == 2


@pytest.mark.parametrize(
    "reply",
    [
        rpc_pb2.ExecuteReply(parts=[rpc_pb2.Part(input=1)]),
        rpc_pb2.ExecuteReply(parts=[rpc_pb2.Part(input=-1)]),
        rpc_pb2.ExecuteReply(parts=[rpc_pb2.Part(crop=0)]),
        rpc_pb2.ExecuteReply(parts=[rpc_pb2.Part(vector=0)]),
        rpc_pb2.ExecuteReply(parts=[rpc_pb2.Part(score=float("nan"))]),
        rpc_pb2.ExecuteReply(parts=[rpc_pb2.Part(crop=0)], metadata=[rpc_pb2.MetaData(data=b"no base64!")]),
        rpc_pb2.ExecuteReply(statuses=[rpc_pb2.ItemStatus()] * 2),
    ],
    ids=["input", "negative input", "crop", "vector", "NaN", "base64", "statuses"],
)
def test_a_reply_that_cannot_be_is_refused(reply: rpc_pb2.ExecuteReply) -> None:
    with pytest.raises(VisopError, match="the operator answered"):
        parts_of(reply, 1)

"""Odd pictures, and processors that misbehave, for processors and pipelines over a real channel."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image

from tests.conftest import Running, make_image, running, wait_until
from tests.serving.odd_pictures import ODD, SCENE, crops, turned
from tests.toys import ToyOperator, ToyProcessor
from visop.detection import Detection
from visop.processors.regions import Regions
from visop.rpc import rpc_pb2
from visop.serving.part_encoder import AnyOperator, PartChoice, PartEncoder

Start = Callable[..., Running]
Request = rpc_pb2.ExecuteRequest
Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module", params=["regions", "a processor", "a pipeline", "a pipeline of regions"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Running]:
    operators: dict[str, Callable[[], AnyOperator]] = {
        "regions": lambda: Regions(26),
        "a processor": ToyProcessor,
        "a pipeline": lambda: PartEncoder(ToyProcessor(), ToyOperator(), PartChoice(whole=True)),
        "a pipeline of regions": lambda: PartEncoder(Regions(26), ToyOperator()),
    }
    with running(operators[request.param]()) as server:
        yield server


@pytest.mark.parametrize("name", ODD)
def test_every_part_is_inside_its_picture_with_its_crop_or_vector(any_server: Running, name: str) -> None:
    file, (width, height) = ODD[name]
    reply = any_server.stub.Execute(Request(images=[file]))
    assert reply.nums == len(reply.parts) == len(reply.metadata) + len(reply.vectors)
    for part in reply.parts:
        assert 0 <= part.box.x < part.box.x + part.box.w <= width * (1 + 1e-6)
        assert 0 <= part.box.y < part.box.y + part.box.h <= height * (1 + 1e-6)
    if reply.metadata:
        for part, crop in crops(reply):
            assert crop.format == "JPEG"
            assert 0 <= crop.width - part.box.w < 2
            assert 0 <= crop.height - part.box.h < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [ToyProcessor, lambda: PartEncoder(ToyProcessor(), ToyOperator())], ids=["", "vector"])
def test_boxes_are_in_upright_pixels(start_server: Start, kind: Callable[[], Any], orientation: int) -> None:
    upright = Image.open(io.BytesIO(SCENE))
    [part] = start_server(kind()).stub.Execute(Request(images=[turned(upright, orientation)])).parts
    assert (part.label, part.box.x, part.box.y, part.box.w, part.box.h) == ("200-0-0", 10, 5, 20, 10)


class Misbehaving(ToyProcessor):
    """Answers what it is told to for pictures of one pixel, and as it should for others."""

    def __init__(self, infer: Callable[[], Any] | None, postprocess: Callable[[], Any] | None) -> None:
        super().__init__()
        self._infer, self._postprocess = infer, postprocess

    def infer(self, batch: Any) -> Any:
        if self._infer and any(image.size == 3 for image in batch):
            return self._infer()
        return super().infer(batch)

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        if self._postprocess and image_size == (1, 1):
            answer: list[Detection] = self._postprocess()
            return answer
        return super().postprocess(raw, image_size)


def raises(error: BaseException) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call


def one(**changes: Any) -> Callable[[], Any]:
    return lambda: [Detection(**{"box": (0, 0, 1, 1)} | changes)]


ANSWERS: dict[str, Callable[[], Any]] = {
    "raises": raises(ValueError("/secret/path")),
    "exits": raises(SystemExit(3)),
    "None": lambda: None,
    "a number": lambda: 7,
    "boxes without detections": lambda: [(0, 0, 1, 1)],
    "a dictionary": lambda: {"box": (0, 0, 1, 1)},
    "NaN in a box": one(box=(0, 0, np.nan, 1)),
    "outside": one(box=(0.5, 0, 1, 1)),
    "left of it": one(box=(-1, 0, 1, 1)),
    "huge": one(box=(0, 0, 1e308, 1)),
    "empty": one(box=(0, 0, 0, 1)),
    "no box": one(box=None),
    "three numbers": one(box=(0, 0, 1)),
    "words in a box": one(box=("a", "b", "c", "d")),
    "NaN as a score": one(score=np.nan),
    "no score": one(score=None),
    "no label": one(label=None),
    "half a text as a label": one(label="\ud800"),
    "no keypoints": one(keypoints=None),
    "infinite keypoints": one(keypoints=((np.inf, 0),)),
    "keypoints of one number": one(keypoints=((1,),)),
}
INFERS = {
    "infer raises": raises(ValueError("/secret/path")),
    "infer exits": raises(SystemExit(3)),
    "infer answers None": lambda: None,
    "infer answers a number": lambda: 7,
    "infer answers too few": list,
    "infer answers too many": lambda: [[]] * 9,
    "infer answers a generator": lambda: iter([[]]),
}


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "pipeline"])
def misbehaving(request: pytest.FixtureRequest) -> Iterator[tuple[Misbehaving, Running]]:
    processor = Misbehaving(None, None)
    with running(PartEncoder(processor, ToyOperator()) if request.param else processor) as server:
        yield processor, server


@pytest.mark.parametrize("name", [*ANSWERS, *INFERS])
def test_a_processor_that_misbehaves_fails_that_picture_alone(
    misbehaving: tuple[Misbehaving, Running], name: str
) -> None:
    processor, server = misbehaving
    processor._infer, processor._postprocess = INFERS.get(name), ANSWERS.get(name)
    reply = server.stub.Execute(Request(images=[SCENE, make_image(size=(1, 1)), SCENE], partial=True), timeout=10)
    assert [status.code for status in reply.statuses] == [0, 13, 0]
    assert reply.statuses[1].message == "the model failed on this input"
    assert [part.input for part in reply.parts] == [0, 2]
    wait_until(lambda: server.pipeline.trouble() is None)


def health(server: Running) -> int:
    stub = health_pb2_grpc.HealthStub(server.channel)
    return int(stub.Check(health_pb2.HealthCheckRequest(service="omnisearch.Operator"), timeout=5).status)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [lambda each: each, lambda each: PartEncoder(each, ToyOperator())], ids=["", "vector"])
def test_a_postprocess_that_hangs_on_one_picture_holds_up_no_other(
    start_server: Start, kind: Callable[[Any], AnyOperator]
) -> None:
    let_go = threading.Event()
    server = start_server(kind(Misbehaving(None, lambda: let_go.wait() and [])), request_timeout_s=2, decode_workers=2)
    assert health(server) == health_pb2.HealthCheckResponse.SERVING
    hanging = server.stub.Execute.future(Request(images=[make_image(size=(1, 1))]))
    try:
        with ThreadPoolExecutor(4) as pool:
            replies = [*pool.map(lambda _: server.stub.Execute(Request(images=[SCENE] * 3)), range(12))]
        assert {len(reply.parts) for reply in replies} == {3}
        assert hanging.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: health(server) == health_pb2.HealthCheckResponse.NOT_SERVING)
        said = server.stub.Healthy(rpc_pb2.HealthyRequest()).healthy
        assert said == "unhealthy: postprocess has not returned for 2 s"
    finally:
        let_go.set()
    wait_until(lambda: health(server) == health_pb2.HealthCheckResponse.SERVING)


def test_a_model_that_hangs_is_told_and_calls_end_with_their_deadline(start_server: Start) -> None:
    processor = ToyProcessor()
    server = start_server(processor, request_timeout_s=0.3)
    processor.gate.clear()
    calls = [server.stub.Execute.future(Request(images=[SCENE])) for _ in range(5)]
    assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    wait_until(lambda: health(server) == health_pb2.HealthCheckResponse.NOT_SERVING)
    assert server.stub.Identity(rpc_pb2.IdentityRequest()).type == "processor"
    processor.gate.set()
    wait_until(lambda: health(server) == health_pb2.HealthCheckResponse.SERVING)
    assert len(server.stub.Execute(Request(images=[SCENE])).parts) == 1


@pytest.mark.parametrize("omit", [False, True])
@pytest.mark.parametrize("answer", [one(label="x" * 5000), one(keypoints=((1, 1),) * 500)], ids=["label", "points"])
def test_parts_with_long_labels_or_many_points_fit_into_a_message(
    start_server: Start, answer: Callable[[], Any], omit: bool
) -> None:
    server = start_server(Misbehaving(None, answer), max_message_bytes=20_000, max_image_bytes=4000)
    request = Request(images=[make_image(size=(1, 1))] * 12, partial=True, crops=rpc_pb2.Crops(omit=omit))
    reply = server.stub.Execute(request)
    assert reply.ByteSize() <= 20_000
    assert {status.code for status in reply.statuses} == {0, 3}


def test_what_a_processor_did_wrong_is_in_the_log_and_nowhere_else(
    start_server: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(Misbehaving(None, one(box=(0.5, 0, 1, 1))))
    with pytest.raises(grpc.RpcError) as caught:
        server.stub.Execute(Request(images=[make_image(size=(1, 1))]))
    assert "detection" not in str(caught.value.details())
    assert "the operator failed on one input: detection 0 has the box (0.5, 0.0, 1.0, 1.0)" in caplog.text

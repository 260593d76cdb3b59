"""Pipelines whose processor or encoder runs elsewhere, over real channels."""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Running, make_image, make_scene, running, unit, wait_until
from tests.stub_operator import serving
from tests.toys import NAN, RAISES, ToyOperator, ToyProcessor
from visop.detection import Detection, Unplaced
from visop.errors import SettingsError
from visop.processors.regions import Regions
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.batcher import Job
from visop.serving.operators import load_model, load_operator
from visop.serving.part_encoder import PartChoice, PartEncoder
from visop.serving.remote.calls import RemoteCalls
from visop.serving.remote.encoder import RemoteEncoder
from visop.serving.remote.processor import RemoteProcessor
from visop.settings import Settings

Start = Callable[..., Running]
Request = rpc_pb2.ExecuteRequest

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)})
NOTHING = make_scene({})


@pytest.fixture
def connected() -> Iterator[Callable[..., PartEncoder]]:
    """Make a pipeline, of operators of this process or of the addresses of others, and close it with the test."""
    with ExitStack() as stack:

        def connect(processor: Any, encoder: Any, **choice: Any) -> PartEncoder:
            found = RemoteProcessor(processor, interval_s=0.05) if isinstance(processor, str) else processor
            encodes = RemoteEncoder(encoder, interval_s=0.05) if isinstance(encoder, str) else encoder
            pipeline = PartEncoder(found, encodes, PartChoice(**choice))
            load_model(pipeline)
            stack.callback(pipeline.close)
            return pipeline

        yield connect


Connect = Callable[..., PartEncoder]


def vectors(reply: rpc_pb2.ExecuteReply) -> list[list[float]]:
    return [list(vector.element) for vector in reply.vectors]


@pytest.mark.parametrize("elsewhere", ["processor", "encoder", "both"])
def test_the_answer_is_the_same_wherever_the_operators_run(
    start_server: Start, connected: Connect, elsewhere: str
) -> None:
    here = start_server(connected(ToyProcessor(), ToyOperator(), whole=True))
    processor = start_server(ToyProcessor()).address if elsewhere != "encoder" else ToyProcessor()
    encoder = start_server(ToyOperator()).address if elsewhere != "processor" else ToyOperator()
    there = start_server(connected(processor, encoder, whole=True))
    request = Request(images=[SCENE, b"no picture", NOTHING, SCENE], partial=True)
    assert there.stub.Execute(request) == here.stub.Execute(request)
    identities = [each.stub.Identity(rpc_pb2.IdentityRequest()) for each in (here, there)]
    for identity in identities:
        identity.ClearField("endpoint")
    assert identities[0] == identities[1]
    assert (identities[0].fingerprint, identities[0].parts) == ("toy-1", "colours+whole")


def test_pictures_go_to_the_processor_as_they_came(start_server: Start, connected: Connect) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.open(io.BytesIO(SCENE)).save(buffer, "PNG", exif=exif)
    with stub(Scripted()) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        pipeline.stub.Execute(Request(images=[buffer.getvalue()]))
        assert [bytes(each) for each in operator.requests[0].images] == [buffer.getvalue()]
        assert operator.requests[0].crops.omit


def test_what_the_processor_does_not_take_is_sent_as_a_png(start_server: Start, connected: Connect) -> None:
    with stub(Scripted(formats=["PNG"])) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        pipeline.stub.Execute(Request(images=[make_image(kind="JPEG"), SCENE]))
        sent = [file for request in operator.requests for file in request.images]
        assert all(file.startswith(b"\x89PNG") for file in sent)
        assert SCENE in sent


def test_crops_go_to_the_encoder_without_loss_and_the_whole_picture_as_it_came(
    start_server: Start, connected: Connect
) -> None:
    with stub(Scripted(type="encoder")) as (operator, address):
        pipeline = start_server(connected(ToyProcessor(), address, whole=True))
        pipeline.stub.Execute(Request(images=[SCENE]))
        sent = [file for request in operator.requests for file in request.images]
    sizes = set()
    for file in sent:
        with Image.open(io.BytesIO(file)) as crop:
            sizes.add((crop.format, crop.size))
    assert sizes == {("PNG", (64, 48)), ("PNG", (20, 10)), ("PNG", (5, 8))}
    assert SCENE in sent


def test_a_picture_or_part_on_which_the_other_operator_fails_fails_alone(
    start_server: Start, connected: Connect
) -> None:
    processor, encoder = start_server(ToyProcessor()), start_server(ToyOperator())
    pipeline = start_server(connected(processor.address, encoder.address))
    no_vector = make_scene({NAN: (10, 5, 20, 10), RED: (40, 20, 5, 8)})
    reply = pipeline.stub.Execute(Request(images=[make_image(RAISES), SCENE, no_vector, NOTHING], partial=True))
    assert [status.code for status in reply.statuses] == [13, 0, 13, 0]
    assert {part.input for part in reply.parts} == {1}
    np.testing.assert_allclose(vectors(reply), [unit(RED), unit(BLUE)], atol=1e-6)


def test_more_than_fits_into_one_request_is_sent_in_several(start_server: Start, connected: Connect) -> None:
    limits = rpc_pb2.Limits(max_items=3, max_image_bytes=10_000, max_message_bytes=1024 + 2 * len(SCENE))
    with stub(Scripted(limits=limits)) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        large = make_scene({(index, 9, 9): (index % 64, index // 2, 1, 1) for index in range(90)})
        reply = pipeline.stub.Execute(Request(images=[SCENE] * 7 + [large], partial=True))
        assert [status.code for status in reply.statuses] == [0] * 7 + [3 if len(large) > 2 * len(SCENE) else 0]
        assert max(request.ByteSize() for request in operator.requests) <= limits.max_message_bytes
        assert sum(len(request.images) for request in operator.requests) >= 7


def test_the_deadline_of_the_caller_goes_on_to_the_other_operator(start_server: Start, connected: Connect) -> None:
    with stub(Scripted()) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        pipeline.stub.Execute(Request(images=[SCENE]), timeout=7)
        assert 0 < operator.left_s[0] <= 7


@pytest.mark.parametrize("hanging", ["processor", "encoder"])
def test_an_operator_that_hangs_costs_the_deadline_and_then_nothing(
    start_server: Start, connected: Connect, hanging: str
) -> None:
    processor, encoder = start_server(ToyProcessor()), start_server(ToyOperator())
    pipeline = start_server(connected(processor.address, encoder.address))
    operator = processor.operator if hanging == "processor" else encoder.operator
    operator.gate.clear()
    with pytest.raises(grpc.RpcError) as caught:
        pipeline.stub.Execute(Request(images=[SCENE] * 20), timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: pipeline.pipeline._admission.inside == 0)
    operator.gate.set()
    assert len(pipeline.stub.Execute(Request(images=[SCENE])).vectors) == 2


def test_an_operator_that_hangs_and_calls_itself_healthy_is_in_trouble_until_it_answers() -> None:
    with stub(Scripted()) as (operator, address):
        processor = RemoteProcessor(address)
        processor.load()
        calls = RemoteCalls(processor.remote, processor.read, stall_s=0.05)
        operator.gate.clear()
        job: Any = Job(time.monotonic() + 60, item=lambda: SCENE)
        calls.submit(job)
        wait_until(lambda: calls.trouble() == f"the processor {address} has not answered for 0.05 s")
        operator.gate.set()
        assert job.future.result(10) == []
        assert calls.trouble() is None
        calls.close()
        processor.close()


def test_a_caller_that_leaves_ends_the_call_of_the_other_operator(start_server: Start, connected: Connect) -> None:
    with stub(Scripted()) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        operator.gate.clear()
        call = pipeline.stub.Execute.future(Request(images=[SCENE]))
        assert operator.entered.acquire(timeout=10)
        call.cancel()
        assert operator.left.wait(10)
        operator.gate.set()


def test_an_operator_that_dies_is_named_and_told_by_health_and_comes_back(
    start_server: Start, connected: Connect
) -> None:
    with ExitStack() as lives:
        encoder = lives.enter_context(running(ToyOperator()))
        address = encoder.address
        pipeline = start_server(connected(ToyProcessor(), address))
        assert len(pipeline.stub.Execute(Request(images=[SCENE])).vectors) == 2
    reply = pipeline.stub.Execute(Request(images=[SCENE, NOTHING], partial=True))
    assert [status.code for status in reply.statuses] == [14, 0]
    assert f"the encoder {address}: cannot be reached" in reply.statuses[0].message
    wait_until(lambda: pipeline.pipeline.trouble() is not None)
    assert address in pipeline.stub.Healthy(rpc_pb2.HealthyRequest()).healthy
    with running(ToyOperator(), endpoint=address, bind=address):
        wait_until(lambda: pipeline.pipeline.trouble() is None)
        assert len(pipeline.stub.Execute(Request(images=[SCENE])).vectors) == 2


def test_another_operator_in_the_place_of_one_gets_nothing(start_server: Start, connected: Connect) -> None:
    with stub(Scripted(type="encoder")) as (operator, address):
        pipeline = start_server(connected(ToyProcessor(), address))
        operator.identity.fingerprint = "other"
        wait_until(lambda: pipeline.pipeline.trouble() is not None)
        assert "and is now scripted (other" in (pipeline.pipeline.trouble() or "")
        sent = len(operator.requests)
        reply = pipeline.stub.Execute(Request(images=[SCENE], partial=True))
        assert (reply.statuses[0].code, len(operator.requests)) == (14, sent)


def test_an_operator_without_health_is_told_by_ours(start_server: Start, connected: Connect) -> None:
    with stub(Scripted()) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        operator.healthy = "unhealthy: \x1b[31mno"
        wait_until(lambda: pipeline.pipeline.trouble() is not None)
        assert pipeline.pipeline.trouble() == f"the processor {address}: unhealthy: \ufffd[31mno"


BOX = rpc_pb2.Box(x=1, y=1, w=4, h=4)
WRONG_PARTS = {
    "outside": rpc_pb2.Part(box=rpc_pb2.Box(x=60, y=0, w=10, h=10)),
    "NaN": rpc_pb2.Part(box=rpc_pb2.Box(x=float("nan"), y=0, w=10, h=10)),
    "an infinite score": rpc_pb2.Part(box=BOX, score=float("inf")),
    "no box": rpc_pb2.Part(label="somewhere"),
    "another input": rpc_pb2.Part(box=BOX, input=7),
    "no such crop": rpc_pb2.Part(crop=3),
    "too many points": rpc_pb2.Part(box=BOX, keypoints=[rpc_pb2.Point()] * 2000),
}


@pytest.mark.parametrize("name", WRONG_PARTS)
def test_parts_that_break_the_contract_fail_their_picture(start_server: Start, connected: Connect, name: str) -> None:
    with stub(Scripted(found=[WRONG_PARTS[name]])) as (_, address):
        pipeline = start_server(connected(address, ToyOperator()))
        reply = pipeline.stub.Execute(Request(images=[SCENE], partial=True))
        assert (reply.statuses[0].code, reply.statuses[0].message) == (13, "the model failed on this input")


@pytest.mark.parametrize(
    "elements", [[np.nan, 1, 1], [1, 1], [0, 0, 0], [1, 1, 1, 1], []], ids=["NaN", "short", "zero", "long", "empty"]
)
def test_vectors_that_break_the_contract_fail_their_picture(
    start_server: Start, connected: Connect, elements: list[float]
) -> None:
    with stub(Scripted(type="encoder", vector=elements)) as (_, address):
        pipeline = start_server(connected(ToyProcessor(), address))
        reply = pipeline.stub.Execute(Request(images=[SCENE, NOTHING], partial=True))
        assert [status.code for status in reply.statuses] == [13, 0]


@pytest.mark.parametrize("count", [-1, 1])
def test_a_wrong_count_fails_the_request(start_server: Start, connected: Connect, count: int) -> None:
    with stub(Scripted(type="encoder", surplus=count)) as (_, address):
        pipeline = start_server(connected(ToyProcessor(), address))
        reply = pipeline.stub.Execute(Request(images=[SCENE], partial=True))
        assert reply.statuses[0].code == 13


@pytest.mark.parametrize("breaks", ["the reply", "one part"])
def test_a_picture_that_breaks_the_other_operator_fails_alone(
    start_server: Start, connected: Connect, breaks: str
) -> None:
    class Breaks(Scripted):
        def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:
            reply = super().Execute(request, context)
            if NOTHING not in request.images:
                return reply
            if breaks == "the reply":
                context.abort(grpc.StatusCode.UNKNOWN, "list index out of range")
            bad = reply.parts[list(request.images).index(NOTHING)]
            bad.keypoints.extend([rpc_pb2.Point()] * 2000)
            return reply

    with stub(Breaks(found=[rpc_pb2.Part(box=BOX)])) as (_, address):
        pipeline = start_server(connected(address, ToyOperator()))
        reply = pipeline.stub.Execute(Request(images=[SCENE, SCENE, NOTHING, SCENE], partial=True))
        assert [status.code for status in reply.statuses] == [0, 0, 13, 0]
        assert [part.input for part in reply.parts] == [0, 1, 3]


def test_texts_of_other_operators_control_no_terminal(start_server: Start, connected: Connect) -> None:
    part = rpc_pb2.Part(box=BOX, label="a\x1b[2Jb\nc")
    with stub(Scripted(found=[part], labels=["a\x1b[2Jb\nc"], name="evil\x07")) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        reply = pipeline.stub.Execute(Request(images=[SCENE]))
        identity = pipeline.stub.Identity(rpc_pb2.IdentityRequest())
        assert reply.parts[0].label == identity.labels[0] == "a\ufffd[2Jb\ufffdc"
        assert identity.parts == "evil\ufffd"
        operator.status = rpc_pb2.ItemStatus(code=3, message="bad\x1b]0;title\x07" + "x" * 5000)
        status = pipeline.stub.Execute(Request(images=[SCENE], partial=True)).statuses[0]
        assert status.code == 3
        assert status.message.startswith(f"the processor {address}: bad\ufffd]0;title\ufffdxxx")
        assert len(status.message) < 600


def test_a_call_that_the_other_operator_could_not_take_yet_is_sent_again(
    start_server: Start, connected: Connect
) -> None:
    with stub(Scripted()) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()))
        operator.unavailable = 2
        assert len(pipeline.stub.Execute(Request(images=[SCENE])).vectors) == 0
        assert len(operator.requests) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [("RESOURCE_EXHAUSTED", 8), ("PERMISSION_DENIED", 13), ("UNIMPLEMENTED", 13), ("INVALID_ARGUMENT", 13)],
)
def test_what_a_call_fails_with_is_told_as_ours(
    start_server: Start, connected: Connect, code: str, expected: int
) -> None:
    with stub(Scripted(aborts=grpc.StatusCode[code])) as (_, address):
        pipeline = start_server(connected(address, ToyOperator()))
        assert pipeline.stub.Execute(Request(images=[SCENE], partial=True)).statuses[0].code == expected


def jpeg_text(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    return base64.b64encode(make_image(colour, size, "JPEG"))


def test_the_crops_of_an_original_processor_are_encoded_and_have_no_boxes(
    start_server: Start, connected: Connect
) -> None:
    crops = [jpeg_text(RED, (30, 20)), jpeg_text(BLUE, (7, 5))]
    with stub(Original(crops)) as (operator, address):
        for encoder in (ToyOperator(), start_server(ToyOperator()).address):
            pipeline = start_server(connected(address, encoder, whole=True))
            reply = pipeline.stub.Execute(Request(images=[SCENE, SCENE]))
            assert [(part.input, part.HasField("box")) for part in reply.parts] == [
                (0, True),
                (0, False),
                (0, False),
                (1, True),
                (1, False),
                (1, False),
            ]
            np.testing.assert_allclose(vectors(reply)[1:3], [unit(RED), unit(BLUE)], atol=0.02)
        assert [base64.b64decode(request.datas[0]) for request in operator.requests] == [SCENE] * 4
        assert not any(request.images for request in operator.requests)


class WithoutPlaces(ToyProcessor):
    """Gives crops of its own, and does not say where they were."""

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        whole = (0.0, 0.0, float(image_size[0]), float(image_size[1]))
        return [Unplaced(whole, "cut", crop=make_image(RED, (30, 20)))]


def test_crops_are_asked_for_where_a_processor_does_not_say_the_places(start_server: Start, connected: Connect) -> None:
    processor = start_server(WithoutPlaces())
    pipeline = start_server(connected(processor.address, ToyOperator()))
    for _ in range(2):
        reply = pipeline.stub.Execute(Request(images=[SCENE]))
        assert [(part.label, part.HasField("box")) for part in reply.parts] == [("cut", False)]
        np.testing.assert_allclose(vectors(reply), [unit(RED)], atol=1e-6)
    assert sum(processor.operator.batches) == 3
    parts = connected(processor.address, ToyOperator()).execute(np.zeros((48, 64, 3), np.uint8))
    np.testing.assert_allclose(np.array([part.vector for part in parts]), [unit(RED)], atol=1e-6)


@pytest.mark.parametrize("crop", [b"no base64!", base64.b64encode(b"no picture")], ids=["no base64", "no picture"])
def test_a_crop_that_is_none_fails_its_picture_alone(start_server: Start, connected: Connect, crop: bytes) -> None:
    with stub(Original([crop])) as (_, address):
        pipeline = start_server(connected(address, ToyOperator()))
        reply = pipeline.stub.Execute(Request(images=[SCENE], partial=True))
        assert reply.statuses[0].code == 13


def test_an_original_encoder_gets_one_picture_at_a_time(start_server: Start, connected: Connect) -> None:
    with stub(Original(dimension="3", type="encoder", output="vector")) as (operator, address):
        pipeline = start_server(connected(Regions(5), address))
        reply = pipeline.stub.Execute(Request(images=[SCENE]))
        assert (len(reply.vectors), len(operator.requests)) == (5, 5)


@pytest.mark.parametrize(
    ("identity", "setting", "why"),
    [
        ({"type": "encoder"}, "processor", "scripted is of type encoder; here a processor is needed"),
        ({"type": "processor"}, "encoder", "scripted is of type processor; here an encoder is needed"),
        ({"type": "encoder", "parts": "faces"}, "encoder", "gives vectors of parts"),
        ({"type": "encoder", "dimension": "0"}, "encoder", "vectors have 0 numbers"),
        ({"type": "encoder", "dimension": "many"}, "encoder", "'many', which is not a number"),
        ({"type": "processor", "output": "tags"}, "processor", "answers tags, not images"),
    ],
    ids=str,
)
def test_an_operator_of_another_kind_is_refused_at_the_start(identity: dict[str, Any], setting: str, why: str) -> None:
    with stub(Scripted(**identity)) as (_, address):
        operator = RemoteProcessor(address) if setting == "processor" else RemoteEncoder(address)
        with pytest.raises(SettingsError, match=why) as caught:
            operator.load()
        operator.close()
    assert (caught.value.field, caught.value.value) == (setting, address)


def test_an_operator_that_is_not_there_is_named_at_the_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = Settings(processor=address, encoder="127.0.0.1:9")
        with pytest.raises(SettingsError, match="cannot be reached") as caught:
            load_model(load_operator(settings))
    assert (caught.value.field, caught.value.value) == ("processor", address)


def test_a_server_ends_in_time_although_the_other_operator_hangs(start_server: Start, connected: Connect) -> None:
    with stub(Scripted()) as (operator, address):
        pipeline = start_server(connected(address, ToyOperator()), drain_timeout_s=0.2)
        operator.gate.clear()
        call = pipeline.stub.Execute.future(Request(images=[SCENE]))
        assert operator.entered.acquire(timeout=10)
        started = time.monotonic()
        pipeline.server.stop()
        pipeline.pipeline.close()
        assert time.monotonic() - started < 5
        with pytest.raises(grpc.RpcError):
            call.result(10)
        operator.gate.set()


def test_a_pipeline_of_others_can_be_used_without_a_server(start_server: Start, connected: Connect) -> None:
    pipeline = connected(start_server(ToyProcessor()).address, start_server(ToyOperator()).address)
    pipeline.warm_up()
    with Image.open(io.BytesIO(SCENE)) as picture:
        parts = pipeline.execute(np.asarray(picture))
    assert [part.detection.label for part in parts] == ["200-0-0", "0-0-250"]
    np.testing.assert_allclose(np.array([part.vector for part in parts]), [unit(RED), unit(BLUE)], atol=1e-6)


class Scripted(rpc_pb2_grpc.OperatorServicer):
    """An operator that answers every input alike, as it is told.

    Args:
        found: parts of each input, if it is a processor.
        vector: of each input, if it is an encoder.
        surplus: vectors that it answers too many, or too few.
        aborts: the status of every call.
        identity: fields of its answer to Identity.
    """

    def __init__(
        self,
        *,
        found: Sequence[rpc_pb2.Part] = (),
        vector: Sequence[float] = (1, 0, 0),
        surplus: int = 0,
        aborts: grpc.StatusCode | None = None,
        **identity: Any,
    ) -> None:
        known = {
            "name": "scripted",
            "type": "processor",
            "version": "1",
            "formats": ["PNG", "JPEG"],
            "output": "images",
        }
        known |= {"dimension": "3" if identity.get("type") == "encoder" else "-1"}
        self.identity = rpc_pb2.IdentityReply(**(known | identity))
        self.found, self.vector, self.surplus, self.aborts = found, vector, surplus, aborts
        self.status, self.healthy, self.unavailable = rpc_pb2.ItemStatus(), "healthy", 0
        self.requests: list[rpc_pb2.ExecuteRequest] = []
        self.left_s: list[float] = []
        self.gate, self.left = threading.Event(), threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)

    def Identity(self, request: Any, context: Any) -> rpc_pb2.IdentityReply:
        return self.identity

    def Healthy(self, request: Any, context: Any) -> rpc_pb2.HealthyReply:
        return rpc_pb2.HealthyReply(healthy=self.healthy)

    def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:
        if self.unavailable:
            self.unavailable -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        if self.aborts:
            context.abort(self.aborts, "/secret/path\x1b[0m")
        self.requests.append(request)
        self.left_s.append(context.time_remaining())
        context.add_callback(self.left.set)
        self.entered.release()
        self.gate.wait(30)
        return self.answer(len(request.images))

    def ExecuteStream(self, request_iterator: Any, context: Any) -> Iterator[rpc_pb2.ExecuteReply]:
        raise NotImplementedError

    def answer(self, count: int) -> rpc_pb2.ExecuteReply:
        reply = rpc_pb2.ExecuteReply(statuses=[self.status] * count)
        if self.identity.type == "encoder":
            reply.vectors.extend([rpc_pb2.Vector(element=self.vector)] * (count + self.surplus))
            return reply
        for number in range(count):
            for part in self.found:
                added = reply.parts.add()
                added.CopyFrom(part)
                added.input = part.input or number
        return reply


AnyScripted = TypeVar("AnyScripted", bound=Scripted)


class Original(Scripted):
    """An operator that knows the original fields only."""

    def __init__(self, crops: Sequence[bytes] = (), **identity: Any) -> None:
        super().__init__(**({"name": "mtcnn_detect_face", "version": "", "formats": []} | identity))
        self.crops = crops

    def answer(self, count: int) -> rpc_pb2.ExecuteReply:
        if self.identity.type == "encoder":
            return rpc_pb2.ExecuteReply(nums=1, vectors=[rpc_pb2.Vector(element=self.vector)])
        crops = [rpc_pb2.MetaData(data=crop) for crop in self.crops]
        return rpc_pb2.ExecuteReply(nums=len(crops), metadata=crops)


@contextmanager
def stub(operator: AnyScripted) -> Iterator[tuple[AnyScripted, str]]:
    """Serve it, and say where."""
    with serving(operator) as port:
        try:
            yield operator, f"127.0.0.1:{port}"
        finally:
            operator.gate.set()

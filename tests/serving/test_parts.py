"""Processors and pipelines over a real channel."""

from __future__ import annotations

import base64
import gc
import io
import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Running, make_image, make_scene, unit, wait_until
from tests.toys import RAISES, ZERO, ToyOperator, ToyProcessor
from visop.client import Client
from visop.detection import Detection, Encoded, Found
from visop.errors import ModelFailed
from visop.images.crops import CropOptions
from visop.processors.regions import Regions
from visop.rpc import rpc_pb2
from visop.serving.part_encoder import PartChoice, PartEncoder
from visop.serving.pipeline import Input

Start = Callable[..., Running]
Request = rpc_pb2.ExecuteRequest

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)})
NOTHING = make_scene({})


def boxes(reply: rpc_pb2.ExecuteReply) -> list[tuple[int, str, tuple[float, ...]]]:
    return [(part.input, part.label, (part.box.x, part.box.y, part.box.w, part.box.h)) for part in reply.parts]


@pytest.fixture
def finding(start_server: Start) -> Running:
    return start_server(ToyProcessor())


def test_a_processor_answers_as_the_original_ones_and_with_parts(finding: Running) -> None:
    reply = finding.stub.Execute(Request(images=[NOTHING, SCENE]))
    assert boxes(reply) == [(1, "200-0-0", (10, 5, 20, 10)), (1, "0-0-250", (40, 20, 5, 8))]
    assert [round(part.score, 4) for part in reply.parts] == [round(200 / 3072, 4), round(40 / 3072, 4)]
    assert [(point.x, point.y) for point in reply.parts[0].keypoints] == [(19.5, 9.5)]
    assert (reply.nums, len(reply.vectors), len(reply.metadata)) == (2, 0, 2)
    for part, size in zip(reply.parts, [(20, 10), (5, 8)], strict=True):
        with Image.open(io.BytesIO(base64.b64decode(reply.metadata[part.crop].data))) as crop:
            assert (crop.format, crop.size) == ("JPEG", size)


def test_identity_says_that_it_is_a_processor(finding: Running) -> None:
    identity = finding.stub.Identity(rpc_pb2.IdentityRequest())
    assert (identity.type, identity.output, identity.dimension, identity.metricType) == (
        "processor",
        "images",
        "-1",
        "-1",
    )


def test_crops_can_be_left_out_and_made_larger(finding: Running) -> None:
    reply = finding.stub.Execute(Request(images=[SCENE], crops=rpc_pb2.Crops(omit=True)))
    assert (reply.nums, len(reply.metadata), reply.parts[0].HasField("crop")) == (2, 0, False)
    reply = finding.stub.Execute(Request(images=[SCENE], crops=rpc_pb2.Crops(margin=0.5, quality=5)))
    with Image.open(io.BytesIO(base64.b64decode(reply.metadata[0].data))) as crop:
        assert crop.size == (40, 20)


@pytest.mark.parametrize("wrong", [{"quality": 0}, {"quality": 101}, {"margin": -0.1}, {"margin": 1e9}], ids=str)
def test_a_wrong_wish_for_crops_is_refused(finding: Running, wrong: dict[str, Any]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        finding.stub.Execute(Request(images=[SCENE], crops=rpc_pb2.Crops(**wrong)))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith("crops.")


def test_the_parts_of_highest_score_are_answered(start_server: Start) -> None:
    reply = start_server(ToyProcessor(), max_parts_per_picture=1).stub.Execute(Request(images=[SCENE]))
    assert [part.label for part in reply.parts] == ["200-0-0"]


@pytest.mark.parametrize(
    "answer",
    [
        [Detection((0, 0, np.nan, 1))],
        [Detection((60, 0, 10, 10))],
        "no list of detections",
        [Detection((0, 0, 1, 1), score=np.inf)],
    ],
    ids=["NaN", "outside", "no list", "inf"],
)
def test_a_processor_that_breaks_the_contract_fails_that_input_alone(finding: Running, answer: Any) -> None:
    finding.operator.answer = answer
    reply = finding.stub.Execute(Request(images=[SCENE, make_image()], partial=True))
    assert {status.code for status in reply.statuses} == {13}
    assert {status.message for status in reply.statuses} == {"the model failed on this input"}
    finding.operator.answer = None
    assert len(finding.stub.Execute(Request(images=[SCENE])).parts) == 2


def test_a_bad_input_fails_alone(finding: Running) -> None:
    reply = finding.stub.Execute(Request(images=[b"no image", SCENE, make_image(RAISES)], partial=True))
    assert [status.code for status in reply.statuses] == [3, 0, 13]
    assert {part.input for part in reply.parts} == {1}
    assert (reply.nums, len(reply.vectors)) == (2, 0)


def test_a_wrong_count_fails_every_input_of_its_batch_and_health(finding: Running) -> None:
    finding.operator.wrong_count = True
    with pytest.raises(grpc.RpcError) as caught:
        finding.stub.Execute(Request(images=[SCENE]))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert finding.pipeline.trouble() == "the model failed its last check"


def test_boxes_are_in_the_pixels_of_the_upright_original(start_server: Start) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.open(io.BytesIO(SCENE)).save(buffer, "PNG", exif=exif)
    reply = start_server(ToyProcessor()).stub.Execute(Request(images=[buffer.getvalue()]))
    assert boxes(reply)[0] == (0, "200-0-0", (33, 10, 10, 20))


def test_boxes_of_a_picture_decoded_at_a_reduced_scale_are_in_its_own_pixels(start_server: Start) -> None:
    processor = ToyProcessor()
    processor.decode_side = 100
    processor.answer = [Detection((500, 200, 300, 100), "far")]
    scene = make_scene({}, size=(1600, 1200), kind="JPEG")
    reply = start_server(processor).stub.Execute(Request(images=[scene]))
    assert processor.sizes == [(1600, 1200)]
    with Image.open(io.BytesIO(base64.b64decode(reply.metadata[0].data))) as crop:
        assert crop.size == (38, 13)  # at an eighth


def pipeline(**choice: Any) -> PartEncoder:
    return PartEncoder(ToyProcessor(), ToyOperator(), PartChoice(**choice))


def vectors(reply: rpc_pb2.ExecuteReply) -> list[list[float]]:
    return [list(vector.element) for vector in reply.vectors]


def test_a_pipeline_answers_a_vector_for_each_part(start_server: Start) -> None:
    reply = start_server(pipeline()).stub.Execute(Request(images=[SCENE, NOTHING, SCENE]))
    assert [(part.input, part.label, part.vector) for part in reply.parts] == [
        (0, "200-0-0", 0),
        (0, "0-0-250", 1),
        (2, "200-0-0", 2),
        (2, "0-0-250", 3),
    ]
    np.testing.assert_allclose(vectors(reply), [unit(RED), unit(BLUE)] * 2, atol=1e-6)
    assert (reply.nums, len(reply.metadata)) == (4, 0)


def test_a_pipeline_is_an_encoder_to_those_that_call_it(start_server: Start) -> None:
    identity = start_server(pipeline(whole=True)).stub.Identity(rpc_pb2.IdentityRequest())
    assert (identity.name, identity.type, identity.dimension) == ("colours+toy", "encoder", "3")
    assert (identity.fingerprint, identity.parts) == ("toy-1", "colours+whole")


def test_the_client_knows_a_pipeline_and_its_labels(start_server: Start) -> None:
    operator = pipeline()
    operator.processor.labels = ("200-0-0", "0-0-250")
    with Client(start_server(operator).address) as client:
        known = client.identity().operator
    assert (known.parts, known.labels) == ("colours", ("200-0-0", "0-0-250"))


def test_the_whole_picture_comes_first_if_it_is_asked_for(start_server: Start) -> None:
    reply = start_server(pipeline(whole=True, most=2)).stub.Execute(Request(images=[SCENE, NOTHING]))
    assert boxes(reply) == [
        (0, "", (0, 0, 64, 48)),
        (0, "200-0-0", (10, 5, 20, 10)),
        (1, "", (0, 0, 64, 48)),
    ]


def test_no_part_found_is_an_empty_list_and_no_error(start_server: Start) -> None:
    reply = start_server(pipeline()).stub.Execute(Request(images=[NOTHING], partial=True))
    assert (reply.nums, len(reply.parts), reply.statuses[0].code) == (0, 0, 0)


def test_a_part_that_the_encoder_fails_on_fails_its_picture_alone(start_server: Start) -> None:
    bad = make_scene({RED: (10, 5, 20, 10), ZERO: (40, 20, 5, 8)})
    reply = start_server(pipeline()).stub.Execute(Request(images=[bad, SCENE], partial=True))
    assert [status.code for status in reply.statuses] == [13, 0]
    assert {part.input for part in reply.parts} == {1}


def test_many_parts_of_one_picture_are_encoded_few_at_a_time(start_server: Start) -> None:
    operator = pipeline(most=300)
    colours = {(index, 255 - index, 7): (index % 60, 1 + index // 60 * 2, 1, 1) for index in range(256)}
    reply = start_server(operator).stub.Execute(Request(images=[make_scene(colours)]))
    assert len(reply.vectors) == 256
    expected = [unit(tuple(map(int, part.label.split("-")))) for part in reply.parts]  # type: ignore[arg-type]
    np.testing.assert_allclose(vectors(reply), expected, atol=1e-6)
    assert max(operator.encoder.batches) <= 8  # type: ignore[attr-defined]


def test_a_caller_that_leaves_gives_back_its_places(start_server: Start) -> None:
    operator = pipeline()
    running = start_server(operator)
    encoder: Any = operator.encoder
    encoder.gate.clear()
    call = running.stub.Execute.future(Request(images=[SCENE]))
    assert encoder.entered.acquire(timeout=10)
    call.cancel()
    encoder.gate.set()
    wait_until(lambda: running.pipeline._admission.inside == 0)
    assert len(running.stub.Execute(Request(images=[SCENE])).vectors) == 2


def test_parts_count_as_inputs_while_they_are_encoded(start_server: Start) -> None:
    operator = pipeline(whole=True)
    running = start_server(operator)
    encoder: Any = operator.encoder
    encoder.gate.clear()
    call = running.stub.Execute.future(Request(images=[SCENE]))
    wait_until(lambda: running.pipeline._admission.inside == 3)
    encoder.gate.set()
    assert len(call.result(10).vectors) == 3
    wait_until(lambda: running.pipeline._admission.inside == 0)


def test_few_pictures_are_held_decoded_while_the_model_is_busy(start_server: Start) -> None:
    prepared: list[Any] = []

    class Counting(ToyProcessor):
        def preprocess(self, image: Any) -> Any:
            prepared.append(image)
            return image

    processor = Counting()
    running = start_server(processor, decode_workers=2)
    processor.gate.clear()
    call = running.stub.Execute.future(Request(images=[SCENE] * 40))
    most = 2 + 2 * processor.max_batch
    wait_until(lambda: len(prepared) == most)
    assert not call.done()
    processor.gate.set()
    assert len(call.result(10).parts) == 80
    assert len(prepared) == 40


def test_a_call_that_waits_for_room_ends_with_its_deadline(start_server: Start) -> None:
    processor = ToyProcessor()
    running = start_server(processor, decode_workers=1)
    processor.gate.clear()
    with pytest.raises(grpc.RpcError) as caught:
        running.stub.Execute(Request(images=[SCENE] * 40), timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    processor.gate.set()
    wait_until(lambda: running.pipeline._admission.inside == 0)
    assert len(running.stub.Execute(Request(images=[SCENE] * 40)).parts) == 80


def test_a_processor_that_hangs_is_told_by_health(start_server: Start) -> None:
    processor = ToyProcessor()
    running = start_server(processor, request_timeout_s=1.0)
    processor.gate.clear()
    with pytest.raises(grpc.RpcError) as caught:
        running.stub.Execute(Request(images=[SCENE]))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: running.pipeline.trouble() == "the model has not answered for too long")


def test_a_postprocess_that_hangs_is_told_by_health(start_server: Start) -> None:
    processor = ToyProcessor()
    let_go = threading.Event()
    processor.postprocess = lambda *_: let_go.wait() and []  # type: ignore[assignment, method-assign]
    running = start_server(processor, request_timeout_s=1.0)
    with pytest.raises(grpc.RpcError):
        running.stub.Execute(Request(images=[SCENE]))
    wait_until(lambda: running.pipeline.trouble() == "postprocess has not returned for 1 s")
    let_go.set()


def test_a_picture_is_let_go_of_when_it_has_its_result(start_server: Start) -> None:
    seen: list[weakref.ref[Any]] = []

    class Watched(ToyProcessor):
        def preprocess(self, image: Any) -> Any:
            seen.append(weakref.ref(image))
            return image

    operator = PartEncoder(Watched(), ToyOperator(), PartChoice())
    running = start_server(operator)
    call = running.pipeline.start([Input("a", SCENE), Input("b", NOTHING)])
    assert len(call.results()) == 2
    gc.disable()  # what only the collector would find is not let go of
    try:
        wait_until(lambda: all(each() is None for each in seen))
        assert len(seen) == 2
    finally:
        gc.enable()


class Lines(ToyProcessor):
    """Finds one box with a label that cannot be drawn as it is."""

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        return [Detection((0.0, 0.0, *map(float, image_size)), "two\nlines")]  # type: ignore[arg-type]


@pytest.mark.parametrize("operator", [Lines, lambda: PartEncoder(Lines(), ToyOperator(), PartChoice())])
def test_what_is_longer_than_a_jpeg_may_be_and_labels_of_two_lines_are_drawn(
    start_server: Start, operator: Callable[[], Any]
) -> None:
    running = start_server(operator())
    long = make_scene({}, size=(65_501, 20))
    call = running.pipeline.start([Input("a", long)], crops=CropOptions(drawn=True))
    [found] = call.results()
    assert isinstance(found, Found)
    with Image.open(io.BytesIO(found.drawn or b"")) as picture:
        assert picture.size[0] == 65_500


def test_a_stage_that_fails_after_the_model_fails_its_input_and_holds_no_place(start_server: Start) -> None:
    operator = pipeline()
    running = start_server(operator)
    steps: Any = running.pipeline._steps
    steps._choice = None  # as if there were a bug
    for _ in range(30):
        [result] = running.pipeline.start([Input("a", SCENE)]).results()
        assert isinstance(result, ModelFailed)
    assert running.pipeline._admission.inside == 0


def test_crops_that_do_not_fit_into_a_message_fail_their_inputs(start_server: Start) -> None:
    running = start_server(ToyProcessor(), max_message_bytes=8000, max_image_bytes=4000)
    reply = running.stub.Execute(Request(images=[SCENE] * 12, partial=True))
    assert reply.ByteSize() <= 8000
    codes = [status.code for status in reply.statuses]
    assert set(codes) == {0, 3}
    assert "send fewer pictures, or crops.omit" in next(status.message for status in reply.statuses if status.code)
    reply = running.stub.Execute(Request(images=[SCENE] * 12, crops=rpc_pb2.Crops(omit=True)))
    assert len(reply.parts) == 24


def test_the_whole_picture_is_not_encoded_twice(start_server: Start) -> None:
    operator = PartEncoder(Regions(5), ToyOperator(), PartChoice(whole=True, most=4))
    reply = start_server(operator).stub.Execute(Request(images=[SCENE]))
    assert [part.label for part in reply.parts] == ["", "window", "window", "window"]


def test_the_parts_of_a_picture_share_batches(start_server: Start) -> None:
    encoder = ToyOperator()
    running = start_server(PartEncoder(Regions(26), encoder))
    assert len(running.stub.Execute(Request(images=[SCENE])).vectors) == 26
    assert sum(encoder.batches) == 26
    assert len(encoder.batches) <= 4  # up to eight in each


def test_parts_that_the_processor_encoded_are_not_encoded_again(start_server: Start) -> None:
    class Encoding(ToyProcessor):
        def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
            blue, red = super().postprocess(raw, image_size)
            return [blue, Encoded(red.box, red.label, red.score, vector=np.array([0, 1, 0], np.float32))]

    encoder = ToyOperator()
    running = start_server(PartEncoder(Encoding(), encoder, PartChoice(whole=True)))
    reply = running.stub.Execute(Request(images=[SCENE]))
    np.testing.assert_allclose(vectors(reply)[1], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(vectors(reply)[2], unit(BLUE), atol=1e-6)
    assert encoder.batches == [2]  # the whole and what is blue


def test_a_picture_whose_parts_all_have_vectors_needs_no_encoder(start_server: Start) -> None:
    part = Encoded((0, 0, 8, 8), vector=np.array([0, 1, 0], np.float32))
    processor = ToyProcessor()
    processor.answer = [part]
    encoder = ToyOperator()
    reply = start_server(PartEncoder(processor, encoder)).stub.Execute(Request(images=[SCENE] * 3))
    assert vectors(reply) == [[0, 1, 0]] * 3
    assert sum(encoder.batches) <= 1


@pytest.mark.parametrize("make", [ToyProcessor, pipeline], ids=["processor", "pipeline"])
def test_the_log_accounts_for_the_time_of_a_call(
    make: Callable[[], Any], start_server: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "visop.request")
    picture = make_scene({RED: (10, 5, 20, 10)}, size=(1500, 1000))
    start_server(make()).stub.Execute(Request(images=[picture]))
    wait_until(lambda: "call" in caplog.messages)
    [fields] = [record.__dict__["visop_fields"] for record in caplog.records if record.getMessage() == "call"]
    spans = {name: value for name, value in fields.items() if name.endswith("_ms")}
    assert {"decode_ms", "preprocess_ms", "model_ms", "postprocess_ms", "crops_ms", "wait_ms"} <= spans.keys()
    assert sum(spans.values()) <= fields["ms"] + 0.1 * len(spans)

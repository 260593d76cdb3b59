from __future__ import annotations

import base64
import io
import queue
import re
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from PIL import Image as PILImage

from tests.conftest import Running, make_base64, make_image, unit, wait_until
from tests.toys import NAN, RAISES, ZERO, ToyOperator
from visop.rpc import rpc_pb2

Request = rpc_pb2.ExecuteRequest
Start = Callable[..., Running]


def vectors(reply: rpc_pb2.ExecuteReply) -> np.ndarray:
    return np.array([vector.element for vector in reply.vectors])


def failure(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def bomb() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + make_image()[33:]
    )


def make_large_image() -> bytes:
    """A PNG of 12.8 megapixels in 2 KB."""
    file = io.BytesIO()
    PILImage.new("1", (4000, 3200), 1).save(file, "PNG")
    return file.getvalue()


def test_base64_in_unit_vector_out(running_server: Running) -> None:
    reply = running_server.stub.Execute(Request(datas=[make_base64((3, 4, 0))]))
    assert reply.nums == 1
    assert not reply.statuses
    np.testing.assert_allclose(vectors(reply), [[0.6, 0.8, 0]], atol=1e-6)


def test_results_stand_in_the_order_urls_datas_images(running_server: Running, picture_server: str) -> None:
    colours = [(i + 1, 40 - i, 7) for i in range(6)]
    request = Request(
        urls=[f"{picture_server}/{r}-{g}-{b}.png" for r, g, b in colours[:2]],
        datas=[make_base64(colour) for colour in colours[2:4]],
        images=[make_image(colour) for colour in colours[4:]],
    )
    np.testing.assert_allclose(
        vectors(running_server.stub.Execute(request)), [unit(colour) for colour in colours], atol=1e-6
    )


def test_no_inputs_answer_an_empty_reply(running_server: Running) -> None:
    reply = running_server.stub.Execute(Request())
    assert (reply.nums, len(reply.vectors)) == (0, 0)


@pytest.fixture
def mixed(picture_server: str) -> tuple[Request, dict[str, str], dict[int, tuple[int, int, int]]]:
    """One truncated, one non-image, one bomb, one forbidden URL, and four good inputs."""
    colours = {0: (9, 8, 7), 2: (1, 2, 3), 4: (50, 60, 70), 7: (5, 0, 5)}
    request = Request(
        urls=[f"{picture_server}/9-8-7.png", "http://169.254.169.254/latest/meta-data"],
        datas=[
            make_base64(colours[2]),
            base64.b64encode(make_image(kind="JPEG", size=(300, 300))[:-400]).decode(),
            make_base64(colours[4]),
            base64.b64encode(b"GIF? no, plain text").decode(),
        ],
        images=[bomb(), make_image(colours[7])],
    )
    reasons = {
        "urls[1]": "not",
        "datas[1]": "damaged JPEG",
        "datas[3]": "not an image, but text",
        "images[0]": "the limit is 67,000,000",
    }
    return request, reasons, colours


def test_by_default_a_bad_input_fails_the_call_and_every_bad_one_is_named(
    running_server: Running, mixed: tuple[Request, dict[str, str], dict[int, tuple[int, int, int]]]
) -> None:
    request, reasons, _ = mixed
    error = failure(lambda: running_server.stub.Execute(request))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(error)
    details = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(details)
    described = {violation.field: violation.description for violation in details.field_violations}
    assert described.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert name in str(error.details())
        assert reason in described[name]
    assert running_server.stub.Execute(Request(datas=[make_base64()])).nums == 1


def test_partial_gives_one_vector_and_one_status_per_input(
    running_server: Running, mixed: tuple[Request, dict[str, str], dict[int, tuple[int, int, int]]]
) -> None:
    request, _, colours = mixed
    request.partial = True
    reply = running_server.stub.Execute(request)
    assert (reply.nums, len(reply.vectors), len(reply.statuses)) == (8, 8, 8)
    for index, (vector, status) in enumerate(zip(reply.vectors, reply.statuses, strict=True)):
        if index in colours:
            assert (status.code, status.message) == (0, "")
            np.testing.assert_allclose(vector.element, unit(colours[index]), atol=1e-6)
        else:
            assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
            assert status.message
            assert not vector.element
    assert running_server.stub.Execute(Request(datas=[make_base64()])).nums == 1


@pytest.mark.parametrize("colour", [RAISES, NAN, ZERO], ids=["raises", "nan", "zero"])
def test_an_input_that_breaks_the_model_fails_alone_and_leaks_nothing(
    running_server: Running, colour: tuple[int, int, int]
) -> None:
    good = (1, 2, 2)
    reply = running_server.stub.Execute(Request(images=[make_image(colour), make_image(good)], partial=True))
    assert [status.code for status in reply.statuses] == [grpc.StatusCode.INTERNAL.value[0], 0]
    assert reply.statuses[0].message == "the model failed on this input"
    np.testing.assert_allclose(reply.vectors[1].element, unit(good), atol=1e-6)
    health = health_pb2_grpc.HealthStub(running_server.channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_a_model_that_answers_the_wrong_count_is_an_internal_error(start_server: Start) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    operator.wrong_count = True
    error = failure(lambda: running.stub.Execute(Request(images=[make_image(), make_image()])))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "images[0-1]: the model failed on this input"


def watch(running: Running, service: str = "") -> Iterator[int]:
    """Health states as they change, from the Watch of grpc.health.v1."""
    stub = health_pb2_grpc.HealthStub(running.channel)
    for reply in stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=20):
        yield reply.status


def test_health_follows_the_model(start_server: Start) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    states = watch(running, "omnisearch.Operator")
    assert next(states) == health_pb2.HealthCheckResponse.SERVING
    assert running.stub.Healthy(rpc_pb2.HealthyRequest()).healthy == "healthy"
    operator.dead = True
    failure(lambda: running.stub.Execute(Request(images=[make_image()])))
    assert next(states) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert running.stub.Healthy(rpc_pb2.HealthyRequest()).healthy == "unhealthy: the model failed its last check"
    operator.dead = False
    assert next(states) == health_pb2.HealthCheckResponse.SERVING


def test_identity_says_what_the_operator_is(start_server: Start) -> None:
    identity = start_server(max_items=7, formats=("JPEG", "PNG")).stub.Identity(rpc_pb2.IdentityRequest())
    assert (identity.name, identity.type, identity.dimension, identity.metricType) == ("toy", "encoder", "3", "L2")
    assert (identity.input, identity.output, identity.fingerprint) == ("image", "vector", "toy-1")
    assert list(identity.formats) == ["JPEG", "PNG"]
    assert identity.limits.max_items == 7


def test_reflection_describes_the_service_without_a_proto_file(running_server: Running) -> None:
    database = ProtoReflectionDescriptorDatabase(running_server.channel)
    assert {"omnisearch.Operator", "grpc.health.v1.Health"} <= set(database.get_services())
    service = descriptor_pool.DescriptorPool(database).FindServiceByName("omnisearch.Operator")
    assert set(service.methods_by_name) == {"Execute", "ExecuteStream", "Healthy", "Identity"}


def test_too_many_inputs_are_refused_with_the_limit(start_server: Start) -> None:
    error = failure(lambda: start_server(max_items=2).stub.Execute(Request(datas=["x"] * 3)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "3 inputs in one request, the limit is 2"


def test_large_pictures_that_fit_are_answered_and_the_rest_of_them_refused_by_name(start_server: Start) -> None:
    large = make_large_image()
    server = start_server(max_request_large_bytes=4 * 4000 * 3200)
    reply = server.stub.Execute(Request(images=[large, make_image(), large, make_image()], partial=True))
    codes = Counter(status.code for status in reply.statuses)
    assert codes == {0: 3, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]: 1}
    (refused,) = [status for status in reply.statuses if status.code]
    assert "take 102,400,000 bytes decoded, the limit is 51,200,000 (OP_MAX_REQUEST_LARGE_BYTES)" in refused.message
    assert refused.retry_after_s > 0


@pytest.mark.parametrize("page", ["page", "missing"], ids=["not an image", "404"])
def test_a_url_with_no_image_behind_it_is_a_failed_precondition(
    running_server: Running, picture_server: str, page: str
) -> None:
    error = failure(lambda: running_server.stub.Execute(Request(urls=[f"{picture_server}/{page}"])))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert str(error.details()).startswith("urls[0]: the remote server answered")


def test_urls_can_be_switched_off(start_server: Start, picture_server: str) -> None:
    error = failure(lambda: start_server(fetch=False).stub.Execute(Request(urls=[f"{picture_server}/1-2-3.png"])))
    assert error.details() == "urls[0]: this operator does not fetch URLs"


def test_messages_of_many_megabytes_pass(running_server: Running) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1500, 1500, 3), np.uint8)
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "BMP")
    assert running_server.stub.Execute(Request(images=[buffer.getvalue()] * 3)).nums == 3


def test_a_message_over_the_limit_is_refused(start_server: Start) -> None:
    running = start_server(max_message_bytes=10_000, max_image_bytes=10_000)
    error = failure(lambda: running.stub.Execute(Request(images=[b"x" * 20_000])))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


class Busy:
    """A server whose model is held, with one call inside it."""

    def __init__(self, start_server: Start, **changes: object) -> None:
        self.operator = ToyOperator()
        self.running = start_server(self.operator, **changes)
        self.operator.gate.clear()
        self.first = self.running.stub.Execute.future(Request(images=[make_image()]))
        assert self.operator.entered.acquire(timeout=5)


def retry_delay_s(error: grpc.RpcError) -> float:
    info = error_details_pb2.RetryInfo()
    assert rpc_status.from_call(error).details[0].Unpack(info)
    return info.retry_delay.ToMilliseconds() / 1000


def test_a_full_house_refuses_at_once_and_says_when_to_try_again(start_server: Start) -> None:
    busy = Busy(start_server, max_queue=1, max_items=1)
    error = failure(lambda: busy.running.stub.Execute(Request(images=[make_image()])))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_delay_s(error) > 0
    busy.operator.gate.set()
    assert busy.first.result(5).nums == 1
    assert busy.running.stub.Execute(Request(images=[make_image()])).nums == 1


def test_too_many_calls_are_refused_but_health_still_answers(start_server: Start) -> None:
    busy = Busy(start_server, max_calls=1)
    assert failure(lambda: busy.running.stub.Execute(Request())).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert busy.running.stub.Healthy(rpc_pb2.HealthyRequest()).healthy == "healthy"


def test_a_call_past_its_deadline_is_dropped_from_the_queue(start_server: Start) -> None:
    busy = Busy(start_server)
    error = failure(lambda: busy.running.stub.Execute(Request(images=[make_image((1, 1, 1))]), timeout=0.2))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    busy.operator.gate.set()
    busy.first.result(5)
    busy.running.stub.Execute(Request(images=[make_image()]))
    assert busy.operator.batches == [1, 1]  # the one that was late never reached the model


def test_the_servers_own_time_limit_holds_where_the_caller_has_none(start_server: Start) -> None:
    busy = Busy(start_server, request_timeout_s=0.3)
    error = failure(busy.first.result)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert error.details() == "not all of 1 inputs were served before the deadline"


def test_a_caller_that_leaves_while_queued_strands_nobody(start_server: Start) -> None:
    busy = Busy(start_server)
    queued = [busy.running.stub.Execute.future(Request(images=[make_image((i + 1, 5, 5))])) for i in range(3)]
    admission = busy.running.pipeline._admission
    waiting = busy.running.pipeline._steps._model._waiting  # type: ignore[attr-defined]  # of an encoder
    wait_until(lambda: len(waiting) == 3)
    queued[1].cancel()
    wait_until(lambda: any(job.future.cancelled() for job in waiting))
    busy.operator.gate.set()
    for index in (0, 2):
        np.testing.assert_allclose(vectors(queued[index].result(5))[0], unit((index + 1, 5, 5)), atol=1e-6)
    assert busy.operator.batches == [1, 2]
    wait_until(lambda: admission.inside == 0)


def test_a_caller_that_leaves_while_the_model_runs_strands_nobody(start_server: Start) -> None:
    busy = Busy(start_server)
    neighbour = busy.running.stub.Execute.future(Request(images=[make_image((1, 2, 3))]))
    busy.first.cancel()
    busy.operator.gate.set()
    assert neighbour.result(5).nums == 1
    wait_until(lambda: busy.running.pipeline._admission.inside == 0)


def test_every_concurrent_caller_gets_its_own_vectors(running_server: Running) -> None:
    def call(seed: int) -> None:
        colours = [tuple(colour) for colour in np.random.default_rng(seed).integers(1, 255, (5, 3)).tolist()]
        reply = running_server.stub.Execute(Request(images=[make_image(colour) for colour in colours]))
        np.testing.assert_allclose(vectors(reply), [unit(colour) for colour in colours], atol=1e-6)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, range(100)))
    assert max(running_server.operator.batches) > 1


def test_the_request_id_comes_back_and_a_hostile_one_does_not(running_server: Running) -> None:
    def returned(sent: str) -> str:
        _, call = running_server.stub.Execute.with_call(Request(), metadata=(("x-request-id", sent),))
        return str(dict(call.initial_metadata())["x-request-id"])

    assert returned("abc-123") == "abc-123"
    assert returned("x" * 500) != "x" * 500


def test_a_stream_answers_in_the_order_of_its_requests(running_server: Running) -> None:
    colours = [(i % 250 + 1, 3, 9) for i in range(300)]
    replies = running_server.stub.ExecuteStream(Request(images=[make_image(colour)]) for colour in colours)
    np.testing.assert_allclose([vectors(reply)[0] for reply in replies], [unit(c) for c in colours], atol=1e-6)
    assert max(running_server.operator.batches) > 1


def test_a_stream_survives_bad_inputs_in_partial_requests(running_server: Running) -> None:
    requests = [Request(images=[image], partial=True) for image in (make_image(), b"bad", make_image())]
    replies = list(running_server.stub.ExecuteStream(iter(requests)))
    assert [reply.statuses[0].code for reply in replies] == [0, 3, 0]


def test_a_stream_ends_with_the_status_of_a_request_that_is_not_partial(running_server: Running) -> None:
    requests = [Request(images=[make_image()]), Request(images=[b"bad"]), Request(images=[make_image()])]
    replies = running_server.stub.ExecuteStream(iter(requests))
    assert next(replies).nums == 1
    error = failure(lambda: next(replies))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "images[0]" in str(error.details())


def test_a_stream_waits_for_room_instead_of_failing(start_server: Start) -> None:
    running = start_server(max_queue=2, max_items=2)
    replies = running.stub.ExecuteStream(Request(images=[make_image()] * 2) for _ in range(20))
    assert [reply.nums for reply in replies] == [2] * 20


def test_a_call_is_served_beside_a_stream_that_fills_the_queue(start_server: Start) -> None:
    busy = Busy(start_server, max_queue=16, max_items=16, stream_window=32)
    replies = busy.running.stub.ExecuteStream(Request(images=[make_image()]) for _ in range(32))
    wait_until(lambda: busy.running.pipeline._admission.inside == 12)  # one of them is the call in hand
    called = busy.running.stub.Execute.future(Request(images=[make_image()]))
    wait_until(lambda: called.done() or busy.running.pipeline._admission.inside == 13)
    busy.operator.gate.set()
    assert called.result(5).nums == 1
    assert [reply.nums for reply in replies] == [1] * 32


def test_a_stream_whose_caller_leaves_gives_its_place_back(start_server: Start) -> None:
    busy = Busy(start_server, max_calls=2)
    requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
    requests.put(Request(images=[make_image()]))
    stream = busy.running.stub.ExecuteStream(iter(requests.get, None))
    wait_until(lambda: busy.running.pipeline._admission.inside == 2)
    stream.cancel()
    requests.put(None)
    busy.operator.gate.set()
    wait_until(lambda: busy.running.pipeline._admission.inside == 0)
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "visop-stream"])
    with ThreadPoolExecutor(2) as pool:  # both places are free again
        assert [r.nums for r in pool.map(busy.running.stub.Execute, [Request(images=[make_image()])] * 2)] == [1, 1]


def test_a_long_stream_keeps_nothing_of_what_it_answered(running_server: Running) -> None:
    import gc

    from visop.serving.pipeline import Call

    stream = running_server.stub.ExecuteStream(Request(images=[make_image()]) for _ in range(200))
    for _ in range(199):
        next(stream)
    gc.collect()
    assert sum(isinstance(thing, Call) for thing in gc.get_objects()) < 20
    stream.cancel()


def test_a_call_that_could_not_be_served_in_time_is_refused_at_once(start_server: Start) -> None:
    busy = Busy(start_server)
    time.sleep(0.3)  # what the first one takes
    busy.operator.gate.set()
    busy.first.result(5)
    busy.operator.gate.clear()
    held = [busy.running.stub.Execute.future(Request(images=[make_image((i + 1, 5, 5))])) for i in range(4)]
    wait_until(lambda: busy.running.pipeline._steps.wait_s() >= 0.6)
    began = time.monotonic()
    error = failure(lambda: busy.running.stub.Execute(Request(images=[make_image()]), timeout=0.5))
    assert time.monotonic() - began < 0.4
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert re.search(r"what waits for the model takes \d\.\d s more, and the call has 0\.5 s", error.details() or "")
    busy.operator.gate.set()
    for each in held:
        each.result(5)

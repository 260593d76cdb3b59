"""Calls over gRPC, as a collector gets to see them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import Running, make_image, make_scene, picture_file, running, wait_until
from tests.stub_operator import StubOperator, serving
from tests.toys import RAISES, ToyOperator, ToyProcessor
from visop.client import Client
from visop.errors import Overloaded
from visop.rpc import rpc_pb2
from visop.serving.operators import load_model
from visop.serving.part_encoder import PartChoice, PartEncoder
from visop.serving.remote.encoder import RemoteEncoder
from visop.serving.remote.processor import RemoteProcessor

Traced = Callable[..., AbstractContextManager[Any]]
Request = rpc_pb2.ExecuteRequest

EXECUTE = "omnisearch.Operator/Execute"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SCENE = make_scene({(200, 0, 0): (10, 5, 20, 10)})
CONTEXT = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "shop=7"))


@contextmanager
def piped(processor: Any, encoder: str) -> Iterator[Running]:
    """A server of a pipeline whose encoder runs elsewhere."""
    pipeline = PartEncoder(processor, RemoteEncoder(encoder), PartChoice())
    load_model(pipeline)
    with running(pipeline) as server:
        yield server
    pipeline.close()


def test_a_call_is_a_span_with_its_stages_and_continues_the_trace_of_its_caller(traced: Traced) -> None:
    with traced() as collector, running() as server:
        server.stub.Execute(Request(images=[make_image()]), metadata=CONTEXT)
    call = collector.one(EXECUTE)
    assert (call.trace, call.parent, call.kind, call.error) == (TRACE, PARENT, "server", None)
    assert call.service == "visop-test"
    expected = {"rpc.system.name": "grpc", "rpc.method": EXECUTE, "rpc.response.status_code": "OK", "visop.inputs": 1}
    assert expected.items() <= call.attributes.items()
    assert call.attributes["client.address"] == "127.0.0.1"
    stages = [each.name for each in collector.children(call) if each.name != "wait"]
    assert stages == ["receive", "decode", "preprocess", "queue", "model"]
    model = collector.one("model")
    assert model.attributes == {"visop.model": "encoder", "visop.batch.size": 1, "visop.inputs": 1}
    assert call.start <= model.start <= model.end <= call.end


def test_a_call_without_a_context_begins_a_trace(traced: Traced) -> None:
    with traced() as collector, running() as server:
        for _ in range(2):
            server.stub.Execute(Request(images=[make_image()]))
    first, second = collector.named(EXECUTE)
    assert first.parent == second.parent == ""
    assert first.trace != second.trace


def test_a_url_is_fetched_in_a_span_that_names_its_host_alone(traced: Traced, picture_server: str) -> None:
    host = picture_server.removeprefix("http://")
    urls = [f"{picture_server}/10-20-30.png#secret", f"http://user:hush@{host}/1-2-3.png?signature=secret"]
    with traced() as collector, running() as server:
        server.stub.Execute(Request(urls=urls, partial=True))
    fetched = collector.named("fetch")
    assert sorted(each.error or "" for each in fetched) == ["", "INVALID_ARGUMENT"]
    assert all(each.attributes["server.address"] in ("127.0.0.1", "") for each in fetched)
    assert not any(secret in sent for sent in collector.raw for secret in (b"secret", b"hush", b"10-20-30"))


def test_the_error_of_an_input_is_the_error_of_its_stage(traced: Traced, picture_server: str) -> None:
    with traced() as collector, running() as server:
        server.stub.Execute(Request(images=[b"no picture"], urls=[f"{picture_server}/gone"], partial=True))
    assert collector.one("decode").error == "INVALID_ARGUMENT"
    assert collector.one("fetch").attributes["error.type"] == collector.one("fetch").error
    assert collector.one(EXECUTE).error is None


@pytest.mark.parametrize(
    ("request_", "code", "is_error"),
    [
        (Request(images=[b"no picture"]), "INVALID_ARGUMENT", False),
        (Request(images=[make_image(RAISES)]), "INTERNAL", True),
    ],
    ids=["of-the-caller", "of-the-operator"],
)
def test_a_call_that_fails_has_its_status(traced: Traced, request_: Request, code: str, is_error: bool) -> None:
    with traced() as collector, running() as server, pytest.raises(grpc.RpcError):
        server.stub.Execute(request_)
    call = collector.one(EXECUTE)
    assert call.attributes["rpc.response.status_code"] == code
    assert call.error == (code if is_error else None)
    assert not any(words in sent for sent in collector.raw for words in (b"no picture", b"the model raised"))


def test_a_call_whose_caller_leaves_is_cancelled(traced: Traced) -> None:
    operator = ToyOperator()
    operator.gate.clear()
    with traced(OTEL_BSP_SCHEDULE_DELAY="10") as collector, running(operator) as server:
        call = server.stub.Execute.future(Request(images=[make_image()]))
        operator.entered.acquire(timeout=10)
        call.cancel()
        wait_until(lambda: bool(collector.named(EXECUTE)))
    assert collector.one(EXECUTE).attributes["rpc.response.status_code"] == "CANCELLED"
    assert collector.one("model").parent == collector.one(EXECUTE).id  # though it was done later


def test_the_spans_of_a_model_link_to_the_calls_that_share_it(traced: Traced) -> None:
    operator = ToyOperator()
    operator.gate.clear()
    with traced() as collector, running(operator) as server:
        calls = [server.stub.Execute.future(Request(images=[make_image()]))]
        operator.entered.acquire(timeout=10)
        calls += [server.stub.Execute.future(Request(images=[make_image()] * 2)) for _ in range(2)]
        wait_until(lambda: len(server.pipeline._steps._model._waiting) == 4)  # type: ignore[attr-defined]
        operator.gate.set()
        for call in calls:
            call.result()
    shared = [each for each in collector.named("model") if each.attributes["visop.batch.size"] == 4]
    owners = [each for each in collector.named(EXECUTE) if each.attributes["visop.inputs"] == 2]
    assert sorted(each.parent for each in shared) == sorted(each.id for each in owners)
    for each in shared:
        assert each.attributes["visop.inputs"] == 2
        assert sorted(each.links) == sorted((owner.trace, owner.id) for owner in owners)


def test_each_message_of_a_stream_is_a_part_of_it(traced: Traced) -> None:
    with traced() as collector, running() as server:
        requests = [Request(images=[make_image()] * count, partial=True) for count in (1, 2)]
        assert len(list(server.stub.ExecuteStream(iter(requests), metadata=CONTEXT))) == 2
    stream = collector.one("omnisearch.Operator/ExecuteStream")
    assert (stream.trace, stream.parent) == (TRACE, PARENT)
    messages = collector.children(stream)
    assert [each.name for each in messages] == ["message"] * 2
    assert [each.attributes["visop.inputs"] for each in messages] == [1, 2]
    assert all({"decode", "queue", "model"} <= collector.tree(each).keys() for each in messages)


def test_a_stream_that_is_left_ends_its_spans(traced: Traced) -> None:
    operator = ToyOperator()
    operator.gate.clear()
    with traced(OTEL_BSP_SCHEDULE_DELAY="10") as collector, running(operator) as server:
        stream = server.stub.ExecuteStream(iter([Request(images=[make_image()], partial=True)]))
        operator.entered.acquire(timeout=10)
        stream.cancel()
        wait_until(lambda: bool(collector.named("message")))
    assert collector.one("message").error == "CANCELLED"


def test_a_pipeline_of_two_running_operators_is_one_trace(traced: Traced) -> None:
    with (
        traced() as collector,
        running(ToyProcessor()) as finds,
        running(ToyOperator()) as encodes,
        piped(RemoteProcessor(finds.address), encodes.address) as server,
    ):
        server.stub.Execute(Request(images=[SCENE]), metadata=CONTEXT)
    calls = [each for each in collector.named(EXECUTE) if each.trace == TRACE]
    [front] = [each for each in calls if each.parent == PARENT]
    made = [each for each in calls if each.kind == "client"]
    assert [each.parent for each in made] == [front.id] * 2
    ports = [int(each.address.rpartition(":")[2]) for each in (finds, encodes)]
    assert [each.attributes["server.port"] for each in sorted(made, key=lambda each: each.start)] == ports
    served = [collector.one_child(each) for each in made]
    assert [each.kind for each in served] == ["server"] * 2
    assert all("model" in collector.tree(each) for each in served)
    assert {each.trace for each in collector.spans if each.name == "model"} == {TRACE}


def test_a_remote_operator_that_fails_is_an_error_of_the_call_to_it(traced: Traced) -> None:
    stub = StubOperator()
    with traced() as collector, serving(stub) as port, piped(ToyProcessor(), f"127.0.0.1:{port}") as server:
        stub.failures.append(Overloaded("too much"))
        with pytest.raises(grpc.RpcError, match="too much"):
            server.stub.Execute(Request(images=[SCENE]))
    [made] = [each for each in collector.named(EXECUTE) if each.kind == "client"]
    assert (made.attributes["rpc.response.status_code"], made.error) == ("RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED")


def test_our_client_sends_the_context_of_its_caller(traced: Traced) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    tracer = trace.TracerProvider().get_tracer("caller")
    with traced() as collector, running() as server, Client(server.address) as client:
        with tracer.start_as_current_span("shop") as span:
            client.encode(images=[make_image()])
            list(client.encode_stream([make_image()]))
        client.encode(images=[make_image()])
    context = span.get_span_context()
    called = [*collector.named(EXECUTE), *collector.named("omnisearch.Operator/ExecuteStream")]
    parents = [each.parent for each in called if each.trace == f"{context.trace_id:032x}"]
    assert parents == [f"{context.span_id:016x}"] * 2
    assert len(called) == 3


def test_what_is_polled_is_traced_for_those_who_trace_it(traced: Traced) -> None:
    with traced() as collector, running() as server:
        stub = health_pb2_grpc.HealthStub(server.channel)
        for metadata in (None, CONTEXT):
            stub.Check(health_pb2.HealthCheckRequest(), metadata=metadata)
            server.stub.Identity(rpc_pb2.IdentityRequest(), metadata=metadata)
    assert sorted(each.name for each in collector.spans if each.kind == "server") == [
        "grpc.health.v1.Health/Check",
        "omnisearch.Operator/Identity",
    ]


def test_the_trace_is_in_the_log_in_the_answer_and_in_the_metrics(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    from visop.metrics.registry import exposition

    with caplog.at_level(logging.INFO, "visop.request"), traced(), running() as server:
        _, call = server.stub.Execute.with_call(Request(images=[make_image()]), metadata=CONTEXT)
        timing = dict(call.trailing_metadata())["server-timing"]
    lines = [getattr(each, "visop_fields", {}) for each in caplog.records]
    assert [each["trace_id"] for each in lines if "rpc" in each] == [TRACE]
    assert f'traceparent;desc="00-{TRACE}-' in timing
    text, _ = exposition("application/openmetrics-text")
    assert f'trace_id="{TRACE}"' in text.decode()


def test_a_call_that_is_not_sampled_is_not_sent_and_its_context_still_goes_on(traced: Traced) -> None:
    unsampled = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)
    with traced() as collector, running(ToyOperator()) as encodes, piped(ToyProcessor(), encodes.address) as server:
        server.stub.Execute(Request(images=[SCENE]), metadata=unsampled)
    assert collector.spans == []  # not of the second operator either, which would begin a trace without a context


def test_the_sampler_is_that_of_the_variables(traced: Traced) -> None:
    with traced(OTEL_TRACES_SAMPLER="always_off") as collector, running() as server:
        server.stub.Execute(Request(images=[make_image()]), metadata=CONTEXT)
    assert collector.spans == []


def test_many_pictures_of_one_call_do_not_make_any_number_of_spans(traced: Traced) -> None:
    with traced() as collector, running(max_items=64) as server:
        server.stub.Execute(Request(images=[make_image()] * 64))
    assert len(collector.spans) <= 1 + 128
    assert collector.one(EXECUTE).attributes["visop.stages_left_out"] > 0


def test_threads_of_one_call_do_not_mix_with_those_of_another(traced: Traced) -> None:
    with traced() as collector, running() as server:
        threads = [
            threading.Thread(target=server.stub.Execute, args=[Request(images=[picture_file((shade, 20, 30))])])
            for shade in range(20, 40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for call in collector.named(EXECUTE):
        assert [each.name for each in collector.children(call)].count("decode") == 1

"""What a server counts, read as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Running, make_base64, wait_until
from tests.toys import RAISES
from visop.rpc import rpc_pb2

Both = tuple[Running, httpx.Client]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

EXECUTE = {"grpc_type": "unary", "grpc_service": "omnisearch.Operator", "grpc_method": "Execute"}
STREAM = EXECUTE | {"grpc_type": "bidi_stream", "grpc_method": "ExecuteStream"}


def samples(web: httpx.Client) -> Samples:
    families = text_string_to_metric_families(web.get("/metrics").text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


class Change:
    """How far metrics went since it was made."""

    def __init__(self, web: httpx.Client) -> None:
        self._web, self._before = web, samples(web)

    def of(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return samples(self._web).get(key, 0.0) - self._before.get(key, 0.0)

    def reaches(self, value: float, name: str, **labels: str) -> None:
        """Calls are counted when gRPC is done with them, which is after their answer."""
        wait_until(lambda: self.of(name, **labels) == value)


@pytest.fixture
def change(web: httpx.Client) -> Change:
    return Change(web)


def test_a_call_over_grpc_is_counted_with_its_status_messages_and_time(both: Both, change: Change) -> None:
    both[0].stub.Execute(rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3))]))
    change.reaches(1, "grpc_server_handled_total", **EXECUTE, grpc_code="OK")
    change.reaches(1, "grpc_server_handling_seconds_count", **EXECUTE)
    assert change.of("grpc_server_started_total", **EXECUTE) == 1
    assert change.of("grpc_server_msg_received_total", **EXECUTE) == 1
    assert change.of("grpc_server_msg_sent_total", **EXECUTE) == 1


def test_a_refused_call_is_counted_with_its_status(both: Both, change: Change) -> None:
    with pytest.raises(grpc.RpcError):
        both[0].stub.Execute(rpc_pb2.ExecuteRequest(datas=["no base64"]))
    change.reaches(1, "grpc_server_handled_total", **EXECUTE, grpc_code="INVALID_ARGUMENT")
    assert change.of("grpc_server_msg_sent_total", **EXECUTE) == 0


def test_bytes_that_are_no_message_are_counted(both: Both, change: Change) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = both[0].channel.unary_unary("/omnisearch.Operator/Execute")
    with pytest.raises(grpc.RpcError):
        call(b"\xff\xff\xff")
    change.reaches(1, "grpc_server_handled_total", **EXECUTE, grpc_code="INVALID_ARGUMENT")


def test_a_stream_counts_its_messages(both: Both, change: Change) -> None:
    requests = [rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, blue))]) for blue in range(3)]
    assert len(list(both[0].stub.ExecuteStream(iter(requests)))) == 3
    change.reaches(1, "grpc_server_handled_total", **STREAM, grpc_code="OK")
    assert change.of("grpc_server_msg_received_total", **STREAM) == 3
    assert change.of("grpc_server_msg_sent_total", **STREAM) == 3


def test_health_checks_are_counted_as_calls(both: Both, change: Change) -> None:
    health_pb2_grpc.HealthStub(both[0].channel).Check(health_pb2.HealthCheckRequest())
    labels = {"grpc_type": "unary", "grpc_service": "grpc.health.v1.Health", "grpc_method": "Check"}
    change.reaches(1, "grpc_server_handled_total", **labels, grpc_code="OK")


def test_methods_that_callers_make_up_are_no_series(both: Both, web: httpx.Client) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = both[0].channel.unary_unary("/made.Up/Method")
    with pytest.raises(grpc.RpcError):
        call(b"")
    assert "made.Up" not in web.get("/metrics").text


def test_inputs_are_counted_by_what_became_of_them(both: Both, change: Change) -> None:
    request = rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3)), "no base64", make_base64(RAISES)], partial=True)
    both[0].stub.Execute(request)
    assert change.of("visop_items_total", code="OK") == 1
    assert change.of("visop_items_total", code="INVALID_ARGUMENT") == 1
    assert change.of("visop_items_total", code="INTERNAL") == 1


def test_the_time_of_an_input_is_counted_by_stage(both: Both, change: Change) -> None:
    both[0].stub.Execute(rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3))]))
    for stage in ("decode", "preprocess", "queue", "model"):
        assert change.of("visop_stage_seconds_count", stage=stage) == 1, stage
    assert change.of("visop_batch_size_sum", model="encoder") == 1
    assert change.of("visop_model_seconds_count", model="encoder") == 1


def test_requests_over_http_are_counted_by_route_and_code(web: httpx.Client, change: Change) -> None:
    web.post("/v1/execute", json={"datas": [make_base64((1, 2, 3))]})
    web.post("/v1/execute", json={"datas": ["no base64"]})
    web.get("/made/up")
    route = {"http_method": "POST", "http_route": "/v1/execute"}
    assert change.of("http_server_handled_total", **route, http_code="200") == 1
    assert change.of("http_server_handled_total", **route, http_code="400") == 1
    assert change.of("http_server_handling_seconds_count", **route) == 2
    other = {"http_method": "GET", "http_route": "other"}
    assert change.of("http_server_handled_total", **other, http_code="404") == 1


def test_what_the_middleware_refuses_is_counted(web: httpx.Client, change: Change) -> None:
    web.get("/healthz", headers={"Host": "evil.example"})
    assert change.of("http_server_handled_total", http_method="GET", http_route="other", http_code="421") == 1


def test_metrics_say_what_is_served(web: httpx.Client) -> None:
    found = samples(web)
    [operator] = [dict(labels) for name, labels in found if name == "visop_operator_info"]
    assert operator["name"] == "toy"
    assert operator["fingerprint"] == "toy-1"
    assert found["visop_healthy", frozenset()] == 1
    assert found["visop_limit", frozenset({("of", "items")})] > 0


def test_open_metrics_are_given_to_who_asks_for_them(web: httpx.Client) -> None:
    answer = web.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert list(openmetrics.text_string_to_metric_families(answer.text))


def test_a_call_says_where_its_time_went(both: Both, web: httpx.Client) -> None:
    request = rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3))])
    _, call = both[0].stub.Execute.with_call(request)
    assert "model;dur=" in dict(call.trailing_metadata())["server-timing"]
    answer = web.post("/v1/execute", json={"datas": [make_base64((1, 2, 3))]})
    assert "decode;dur=" in answer.headers["server-timing"]


@pytest.fixture
def blocked(start_both: Callable[..., Both]) -> Iterator[Both]:
    """A server whose model has one picture, and gives it back at the end."""
    server, web = start_both(max_calls=256)
    server.operator.gate.clear()
    first = server.stub.Execute.future(rpc_pb2.ExecuteRequest(datas=[make_base64((9, 9, 9))]))
    server.operator.entered.acquire(timeout=10)
    yield server, web
    server.operator.gate.set()
    first.result(timeout=10)


def test_the_model_gets_nothing_for_callers_that_left(blocked: Both) -> None:
    server, web = blocked
    change = Change(web)

    def call(number: int) -> grpc.StatusCode:
        request = rpc_pb2.ExecuteRequest(datas=[make_base64((number, 1, 1))])
        with pytest.raises(grpc.RpcError) as caught:
            server.stub.Execute(request, timeout=0.3)
        return caught.value.code()

    with ThreadPoolExecutor(50) as pool:
        codes = set(pool.map(call, range(200)))
    assert codes <= {getattr(grpc.StatusCode, name) for name in _LATE}
    assert samples(web)["visop_queue_depth", frozenset({("model", "encoder")})] <= 200
    before = list(server.operator.batches)
    server.operator.gate.set()
    wait_until(lambda: samples(web)["visop_items_in_flight", frozenset()] == 0)
    assert server.operator.batches == before
    assert change.of("visop_model_seconds_count", model="encoder") <= 1  # that of the first
    assert change.of("visop_dropped_before_model_total", model="encoder") > 0
    # A call that is late may never have reached the server.
    handled = ("OK", *_LATE)
    wait_until(
        lambda: (
            change.of("grpc_server_started_total", **EXECUTE) + 1
            == sum(change.of("grpc_server_handled_total", **EXECUTE, grpc_code=code) for code in handled)
        )
    )


# A call is late, or its message was: then the server ends it.
_LATE = ("DEADLINE_EXCEEDED", "CANCELLED", "UNAVAILABLE")


def test_refusals_are_counted_by_the_limit(start_both: Callable[..., Both]) -> None:
    server, web = start_both(max_calls=1)
    server.operator.gate.clear()
    change = Change(web)
    first = server.stub.Execute.future(rpc_pb2.ExecuteRequest(datas=[make_base64((9, 9, 9))]))
    server.operator.entered.acquire(timeout=10)
    with pytest.raises(grpc.RpcError):
        server.stub.Execute(rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3))]))
    assert change.of("visop_calls_in_flight") == 1
    assert change.of("visop_refused_total", reason="calls") == 1
    server.operator.gate.set()
    first.result(timeout=10)

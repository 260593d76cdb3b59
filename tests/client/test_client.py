import base64
import threading
import time
from typing import Any

import grpc
import numpy as np
import pytest
from grpc import StatusCode

from tests.stub_operator import DIMENSION, StubOperator, serving, vector_of
from visop.client import HEALTHY, Client
from visop.client.backoff import Backoff
from visop.errors import (
    BadItems,
    DeadlinePassed,
    FetchUnavailable,
    ImageTooLarge,
    InvalidInput,
    Overloaded,
    RemoteError,
    ShuttingDown,
    Unreachable,
    VisopError,
)
from visop.rpc import rpc_pb2
from visop.rpc.statuses import code_of

QUICK = Backoff(retries=3, first_s=0.001)


@pytest.fixture
def operator():
    return StubOperator()


@pytest.fixture
def client(operator):
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=20, backoff=QUICK) as client:
        yield client


def test_identity_is_typed(client, operator):
    operator.identity.limits.max_items = 7
    operator.identity.formats.append("JPEG")
    identity = client.identity()
    operator_info = identity.operator
    assert (operator_info.name, operator_info.dimension, operator_info.metric_type) == ("stub", DIMENSION, "L2")
    assert (identity.formats, identity.limits.max_items) == (("JPEG",), 7)


def test_an_operator_that_says_no_limits_gets_the_defaults(client):
    limits = client.identity().limits
    assert (limits.max_items, limits.max_message_bytes) == (256, 100 * 1024 * 1024)


def test_a_dimension_that_is_no_number_is_an_error(client, operator):
    operator.identity.dimension = "many"
    with pytest.raises(VisopError, match="'many'"):
        client.identity()


def test_health_says_what_is_wrong(client, operator):
    assert client.health() == HEALTHY
    operator.healthy = "unhealthy: the model thread has ended"
    assert client.health() == "unhealthy: the model thread has ended"


def test_vectors_stand_in_the_order_urls_datas_images(client):
    data = base64.b64encode(b"two").decode()
    vectors = client.encode(images=[b"three"], urls=["http://one"], datas=[data])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, [vector_of(b"http://one"), vector_of(b"two"), vector_of(b"three")])


def test_no_inputs_make_no_vectors_and_no_call(client, operator):
    assert client.encode().shape == (0, DIMENSION)
    assert client.encode_partial() == []
    assert operator.requests == []


def test_many_inputs_are_split_by_the_limits_of_the_operator(client, operator):
    operator.identity.limits.max_items = 4
    images = [b"image %d" % number for number in range(10)]
    np.testing.assert_array_equal(client.encode(images=images), [vector_of(image) for image in images])
    assert [len(request.images) for request in operator.requests] == [4, 4, 2]


@pytest.mark.parametrize("encode", [Client.encode, Client.encode_partial])
def test_a_vector_of_another_length_than_identity_says_is_an_error(client, operator, encode):
    operator._answer = lambda request: rpc_pb2.ExecuteReply(vectors=[rpc_pb2.Vector(element=[1.0] * 7)])
    with pytest.raises(VisopError, match=f"a vector of 7 numbers, and says {DIMENSION} of itself"):
        encode(client, images=[b"a"])


def test_a_vector_with_nan_is_the_error_of_its_input_and_is_never_given(client, operator):
    vectors = [rpc_pb2.Vector(element=[number] * DIMENSION) for number in (1.0, float("nan"), float("inf"))]
    operator._answer = lambda request: rpc_pb2.ExecuteReply(vectors=vectors)
    good, *bad = client.encode_partial(images=[b"a", b"b", b"c"])
    assert good.shape == (DIMENSION,)
    assert [str(each) for each in bad] == ["the operator answered NaN or inf"] * 2
    with pytest.raises(BadItems) as caught:
        client.encode(images=[b"a", b"b", b"c"])
    assert list(caught.value.items) == ["images[1]", "images[2]"]


def test_bad_items_carry_names_reasons_and_codes_from_the_status(client):
    with pytest.raises(BadItems) as caught:
        client.encode(images=[b"good", b"bad apple"], urls=["http://gone"])
    items = caught.value.items
    assert {name: (type(error), str(error)) for name, error in items.items()} == {
        "urls[0]": (FetchUnavailable, "cannot be reached"),
        "images[1]": (InvalidInput, "not an image: bad apple"),
    }
    assert code_of(caught.value) is StatusCode.INVALID_ARGUMENT
    assert str(caught.value) == "urls[0]: cannot be reached; images[1]: not an image: bad apple"


def test_bad_items_of_a_later_request_are_named_as_the_caller_counts(client, operator):
    operator.identity.limits.max_items = 2
    with pytest.raises(BadItems) as caught:
        client.encode(images=[b"a", b"b", b"c", b"bad"])
    assert list(caught.value.items) == ["images[3]"]


def test_an_image_over_the_limit_is_not_even_sent(client, operator):
    operator.identity.limits.max_image_bytes = 10
    with pytest.raises(BadItems) as caught:
        client.encode(images=[b"x" * 11])
    assert isinstance(caught.value.items["images[0]"], ImageTooLarge)
    assert operator.requests == []


def test_partial_answers_each_input_for_itself(client):
    url, good, bad = client.encode_partial(urls=["http://gone"], images=[b"good", b"bad apple"])
    assert isinstance(url, FetchUnavailable)
    np.testing.assert_array_equal(good, vector_of(b"good"))
    assert isinstance(bad, InvalidInput)


@pytest.mark.parametrize("failure", [Overloaded("full", retry_after_s=0.01), ShuttingDown("draining")])
def test_what_may_pass_is_tried_again(client, operator, failure):
    operator.failures += [failure, failure]
    assert client.encode(images=[b"a"]).shape == (1, DIMENSION)


def test_the_wait_that_the_server_asks_for_is_kept(client, operator):
    operator.failures.append(Overloaded("full", retry_after_s=0.3))
    started = time.monotonic()
    client.encode(images=[b"a"])
    assert time.monotonic() - started >= 0.3


def test_tries_are_counted(client, operator):
    operator.failures += [Overloaded("full", retry_after_s=0.0)] * 10
    with pytest.raises(Overloaded, match="full"):
        client.encode(images=[b"a"])
    assert len(operator.failures) == 10 - 1 - QUICK.retries


def test_no_retry_goes_past_the_deadline(operator):
    operator.failures.append(Overloaded("full", retry_after_s=30))
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=2) as client:
        started = time.monotonic()
        with pytest.raises(Overloaded) as caught:
            client.encode(images=[b"a"])
    assert time.monotonic() - started < 1.5
    assert caught.value.retry_after_s == 30


@pytest.mark.parametrize("code", [c for c in StatusCode if c.name not in ("OK", "UNAVAILABLE", "RESOURCE_EXHAUSTED")])
def test_nothing_else_is_tried_again_and_every_status_keeps_its_code(client, operator, code):
    operator.failures += [RemoteError("no", code.name)] * 2
    with pytest.raises(VisopError) as caught:
        client.encode(images=[b"a"])
    assert code_of(caught.value) is code
    assert len(operator.failures) == 1


def test_a_message_that_is_too_large_is_not_sent_again(operator):
    with (
        serving(operator, max_bytes=1000) as port,
        Client(f"127.0.0.1:{port}", timeout_s=20) as client,
        pytest.raises(VisopError, match=r"larger than max \(\d+ vs\. 1000\)") as caught,
    ):
        client.encode(images=[b"x" * 2000])
    assert code_of(caught.value) is StatusCode.RESOURCE_EXHAUSTED
    assert not isinstance(caught.value, Overloaded)  # which would be tried again


def test_a_url_that_cannot_be_reached_is_not_tried_again(client, operator):
    with pytest.raises(BadItems) as caught:
        client.encode(urls=["http://gone"])
    assert code_of(caught.value) is StatusCode.UNAVAILABLE
    assert len(operator.requests) == 1


def test_an_operator_that_hangs_costs_no_more_than_the_deadline(operator):
    operator.gate.clear()
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=0.3) as client:
        with pytest.raises(DeadlinePassed, match=r"no answer within 0\.3 s"):
            client.encode(images=[b"a"])
        operator.gate.set()


def test_nobody_there_is_unreachable_and_names_the_target(free_port):
    target = f"127.0.0.1:{free_port}"
    with Client(target, timeout_s=5, backoff=Backoff(retries=0)) as client, pytest.raises(Unreachable, match=target):
        client.health()


def test_a_server_that_starts_late_is_reached(operator, free_port):
    with Client(f"127.0.0.1:{free_port}", timeout_s=20, backoff=Backoff(retries=20, first_s=0.05)) as client:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(client.health()))
        thread.start()
        with serving(operator, free_port):
            thread.join(20)
    assert answers == [HEALTHY]


def test_an_original_operator_is_understood():
    """It knows three RPCs, no limits, no `partial` and no rich status."""
    with serving(OriginalOperator()) as port, Client(f"127.0.0.1:{port}", timeout_s=20) as client:
        assert client.encode(datas=["aGk="]).tolist() == [[1.0, 0.0]]
        assert len(client.encode_partial(datas=["aGk="])) == 1
        with pytest.raises(VisopError, match="Exception calling application") as caught:
            client.encode(datas=["boom"])
        assert code_of(caught.value) is StatusCode.UNKNOWN
        with pytest.raises(VisopError) as caught:
            list(client.encode_stream([b"hi"]))
        assert code_of(caught.value) is StatusCode.UNIMPLEMENTED


class OriginalOperator(StubOperator):
    def __init__(self):
        super().__init__()
        self.identity.dimension = "2"

    def Execute(self, request, context):
        if "boom" in request.datas:
            raise RuntimeError("boom")
        vectors = [rpc_pb2.Vector(element=[1.0, 0.0]) for _ in request.datas]
        return rpc_pb2.ExecuteReply(nums=len(vectors), vectors=vectors)

    def ExecuteStream(self, request_iterator, context):
        context.abort(StatusCode.UNIMPLEMENTED, "Method not found!")


def test_details_of_somebody_else_are_ignored():
    with serving(StrangeOperator()) as port, Client(f"127.0.0.1:{port}", timeout_s=20) as client:
        with pytest.raises(VisopError) as caught:
            client.encode(images=[b"a"])
        assert (type(caught.value), str(caught.value)) == (InvalidInput, "no")


class StrangeOperator(StubOperator):
    def Execute(self, request, context):
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff nonsense"),))
        context.abort(StatusCode.INVALID_ARGUMENT, "no")


def test_credentials_are_passed_on(operator):
    """A client that speaks TLS does not get through to a server that speaks none, and says so."""
    options: dict[str, Any] = {"credentials": grpc.ssl_channel_credentials(), "backoff": Backoff(retries=0)}
    with (
        serving(operator) as port,
        Client(f"127.0.0.1:{port}", timeout_s=5, **options) as client,
        pytest.raises(Unreachable),
    ):
        client.health()


@pytest.fixture
def free_port():
    with serving(StubOperator()) as port:
        pass
    return port

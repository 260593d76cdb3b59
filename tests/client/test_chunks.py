import numpy as np
import pytest

from visop.client.chunks import Chunk, Input, RequestForm, RequestLimits, split
from visop.errors import BadItems, ImageTooLarge, InvalidInput, VisopError
from visop.rpc import rpc_pb2
from visop.rpc.statuses import code_of

LIMITS = RequestLimits(max_items=3, max_image_bytes=100, max_bytes=400, pack_bytes=250)
PARTIAL, WHOLE = RequestForm(partial=True), RequestForm(partial=False)


def images(*values):
    return [Input("images", index, value) for index, value in enumerate(values)]


def reply_with(*numbers):
    return rpc_pb2.ExecuteReply(vectors=[rpc_pb2.Vector(element=[number]) for number in numbers])


def sizes(chunks):
    return [len(chunk.request.images) for chunk in chunks]


def test_requests_hold_no_more_than_the_limit_on_items():
    assert sizes(split(images(*[b"x"] * 7), LIMITS, PARTIAL)) == [3, 3, 1]


def test_requests_hold_no_more_than_the_limit_on_bytes():
    assert sizes(split(images(*[b"x" * 100] * 5), LIMITS, PARTIAL)) == [2, 2, 1]
    request = next(split(images(*[b"x" * 100] * 5), LIMITS, PARTIAL)).request
    assert request.ByteSize() <= LIMITS.pack_bytes


def test_no_inputs_make_no_request():
    assert list(split([], LIMITS, PARTIAL)) == []


def test_inputs_are_read_only_as_far_as_the_next_request_needs():
    source = iter(images(*[b"x"] * 7))
    next(split(source, LIMITS, PARTIAL))
    assert next(source).index == 3


def test_an_image_over_the_limit_is_refused_with_its_size_and_the_limit():
    chunk = Chunk(images(b"a", b"x" * 101, b"b"), LIMITS, PARTIAL)
    assert list(chunk.request.images) == [b"a", b"b"]
    assert str(chunk.refused["images[1]"]) == "101 bytes, the limit is 100"


def test_base64_over_the_limit_of_a_message_is_refused():
    chunk = Chunk([Input("datas", 0, "A" * 401)], LIMITS, WHOLE)
    assert isinstance(chunk.refused["datas[0]"], ImageTooLarge)


def test_text_that_cannot_travel_is_refused():
    chunk = Chunk([Input("urls", 0, "http://host/\udcff.jpg")], LIMITS, PARTIAL)
    assert isinstance(chunk.refused["urls[0]"], InvalidInput)


def test_mixed_inputs_come_back_in_the_order_of_the_caller():
    failed = InvalidInput("unreadable")
    inputs = [
        Input("images", 0, b"a"),
        Input("urls", 1, "http://b"),
        Input("images", 2, failed),
        Input("urls", 3, "http://d"),
    ]
    results = Chunk(inputs, LIMITS, PARTIAL).results(reply_with(1, 3, 0), 1)
    assert [float(r[0]) if isinstance(r, np.ndarray) else r for r in results] == [0, 1, failed, 3]


def test_statuses_become_errors_in_place():
    reply = reply_with(5, 0)
    reply.statuses.add(code=0)
    reply.statuses.add(code=9, message="404")
    vector, error = Chunk(images(b"a", b"b"), LIMITS, PARTIAL).results(reply, 1)
    assert isinstance(vector, np.ndarray)
    assert vector.dtype == np.float32
    assert isinstance(error, VisopError)
    assert (code_of(error).name, str(error)) == ("FAILED_PRECONDITION", "404")


@pytest.mark.parametrize(
    "reply",
    [reply_with(1), reply_with(1, 2, 3), rpc_pb2.ExecuteReply(), rpc_pb2.ExecuteReply(vectors=[rpc_pb2.Vector()] * 2)],
    ids=["too few", "too many", "none", "empty vectors"],
)
def test_a_reply_that_does_not_fit_is_an_error(reply):
    with pytest.raises(VisopError, match="the operator answered"):
        Chunk(images(b"a", b"b"), LIMITS, PARTIAL).results(reply, 1)


def test_bad_items_are_named_as_the_caller_counts():
    second = list(split(images(*[b"x"] * 5), LIMITS, WHOLE))[1]
    error = second.bad_items(BadItems({"images[1]": InvalidInput("no")}))
    assert list(error.items) == ["images[4]"]
    assert str(error) == "images[4]: no"

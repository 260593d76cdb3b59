"""gRPC messages that are compressed: read as any other, and no larger inflated than any other may be."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.conftest import Running, make_image, running
from visop.errors import InvalidInput, RemoteError
from visop.rpc import fxwatcher_pb2, rpc_pb2
from visop.serving.arrivals import Arrivals
from visop.serving.bytes_in_flight import BytesInFlight
from visop.serving.compressed import inflated, inflated_size, is_compressed
from visop.serving.messages import Messages
from visop.settings import MIB

REQUEST = rpc_pb2.ExecuteRequest(images=[make_image()])
# 1,000 times as large once it is inflated, and that far over the limit.
BOMB = rpc_pb2.ExecuteRequest(images=[bytes(20 * MIB)])
ALGORITHMS = [grpc.Compression.Gzip, grpc.Compression.Deflate]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(max_message_bytes=4 * MIB, max_image_bytes=MIB) as found:
        yield found


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_a_compressed_request_is_answered_as_any_other(server: Running, algorithm: grpc.Compression) -> None:
    plain = server.stub.Execute(REQUEST)
    assert server.stub.Execute(REQUEST, compression=algorithm) == plain
    assert list(server.stub.ExecuteStream(iter([REQUEST] * 2), compression=algorithm)) == [plain] * 2
    assert server.stub.Identity(rpc_pb2.IdentityRequest(), compression=algorithm).name == "toy"


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize("is_stream", [False, True], ids=["one", "stream"])
def test_a_message_that_inflates_beyond_the_limit_is_refused(
    server: Running, is_stream: bool, algorithm: grpc.Compression
) -> None:
    def call() -> None:
        if is_stream:
            list(server.stub.ExecuteStream(iter([BOMB]), compression=algorithm))
        else:
            server.stub.Execute(BOMB, compression=algorithm)

    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == "Decompressed message larger than max (4,194,304 bytes)"
    assert server.stub.Execute(REQUEST).nums == 1


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_what_is_inflated_is_counted_meanwhile(compress: Callable[[bytes], bytes]) -> None:
    counts, data = BytesInFlight(MIB), bytes(range(200)) * 40
    in_flight = Mock(wraps=counts)
    messages = Messages(in_flight, Arrivals(lambda: 0, MIB), 1, MIB)
    assert messages.receive(Mock(peer="10.0.0.7", is_over=False), iter([compress(data)]), patient=False) == data
    [(peer, size, *_)] = [call.args for call in in_flight.hold.call_args_list]
    assert peer == "10.0.0.7"
    assert size >= len(data)
    assert counts.in_hand == 0


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_what_is_damaged_is_no_message(compress: Callable[[bytes], bytes]) -> None:
    whole = compress(bytes(range(200)))
    for damaged in (whole[:-5], whole[:20] + b"x" + whole[21:], whole + b"more"):
        with pytest.raises((InvalidInput, RemoteError)):
            inflated(damaged, 400)


def test_a_size_that_is_not_true_changes_nothing() -> None:
    data = bytes(1000)
    said = gzip.compress(data)[:-4] + (10).to_bytes(4, "little")
    with pytest.raises(RemoteError, match=r"larger than max \(10 bytes\)"):
        inflated(said, inflated_size(said, MIB))
    with pytest.raises(RemoteError, match=r"larger than max \(999 bytes\)"):
        inflated_size(gzip.compress(data), 999)


def test_no_message_that_is_served_begins_as_one_that_is_compressed() -> None:
    modules = (rpc_pb2, fxwatcher_pb2, health_pb2, reflection_pb2)
    services = [each for module in modules for each in module.DESCRIPTOR.services_by_name.values()]
    requests = {method.input_type for service in services for method in service.methods}
    assert len(requests) > 5
    assert not [each.name for each in requests if 15 in each.fields_by_number]
    assert not is_compressed(REQUEST.SerializeToString())
    assert not is_compressed(b"")

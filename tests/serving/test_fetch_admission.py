from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import grpc
import pytest

from tests.conftest import Running, make_image
from visop.errors import Overloaded, ShuttingDown
from visop.rpc import rpc_pb2
from visop.serving.fetch_admission import FetchAdmission


def test_urls_may_be_half_of_the_inputs() -> None:
    admission = FetchAdmission(16, 100)
    for number in range(4):
        admission.enter([f"{number}.example"] * 2, peer=f"10.0.0.{number}")
    with pytest.raises(Overloaded, match="8 URLs are being served, the limit is 8"):
        admission.enter(["other.example"], peer="10.0.0.9")


def test_a_call_with_more_urls_than_that_is_served_alone() -> None:
    admission = FetchAdmission(16, 100)
    urls = admission.enter(["a.example"] * 16)
    with pytest.raises(Overloaded, match="the limit is 8"):
        admission.enter(["b.example"], peer="other")
    urls.leave_all()
    admission.enter(["b.example"], peer="other")


def test_one_remote_host_leaves_a_quarter_to_others() -> None:
    admission = FetchAdmission(16, 100)
    admission.enter(["hangs.example"] * 6, peer="one")
    with pytest.raises(Overloaded, match="6 URLs are being served, nearly all of one remote host"):
        admission.enter(["hangs.example"], peer="two")
    admission.enter(["answers.example"], peer="two")


def test_one_peer_leaves_an_eighth_to_others_whatever_its_hosts() -> None:
    admission = FetchAdmission(16, 100)
    for number in range(7):
        admission.enter([f"{number}.example"], peer="many")
    with pytest.raises(Overloaded, match="7 URLs are being served, nearly all from one address"):
        admission.enter(["8.example"], peer="many")
    admission.enter(["8.example"], peer="few")


def test_calls_with_urls_may_be_half_of_the_calls_until_their_last_url_is_done() -> None:
    admission = FetchAdmission(100, 8)
    held = [admission.enter(["a.example", f"{number}.example"], peer=f"10.0.0.{number}") for number in range(3)]
    with pytest.raises(Overloaded, match="3 calls with URLs are being served, nearly all of one remote host"):
        admission.enter(["a.example"], peer="other")
    held.append(admission.enter(["b.example"], peer="other"))
    with pytest.raises(Overloaded, match="4 calls with URLs are being served, the limit is 4"):
        admission.enter(["c.example"], peer="third")
    held[0].leave("a.example")
    with pytest.raises(Overloaded):
        admission.enter(["c.example"], peer="third")
    held[0].leave("0.example")
    admission.enter(["c.example"], peer="third")


def test_bulk_work_leaves_a_quarter_of_that_to_other_calls() -> None:
    admission = FetchAdmission(16, 100)
    for number in range(6):
        admission.enter([f"{number}.example"], peer=f"10.0.0.{number}", bulk=True)
    with pytest.raises(Overloaded, match="6 URLs of bulk work are being served, the limit is 6"):
        admission.enter(["other.example"], peer="10.0.0.9", bulk=True)
    admission.enter(["other.example"], peer="10.0.0.9")


def test_a_call_without_urls_needs_no_room() -> None:
    admission = FetchAdmission(2, 2)
    admission.enter(["a.example"])
    for _ in range(5):
        admission.enter([])


def test_a_patient_call_gets_the_room_that_another_leaves_or_stops_waiting() -> None:
    admission = FetchAdmission(2, 2)
    urls = admission.enter(["a.example"])
    threading.Timer(0.02, urls.leave_all).start()
    admission.enter(["b.example"], timeout_s=5)
    wanted = threading.Event()
    wanted.set()

    def give_up() -> None:
        wanted.clear()
        admission.end_waits()

    threading.Timer(0.02, give_up).start()
    with pytest.raises(ShuttingDown):
        admission.enter(["c.example"], timeout_s=60, is_wanted=wanted.is_set)


@pytest.fixture
def hanging_url() -> Iterator[str]:
    """Of a server that accepts every connection, and never answers."""
    with socket.create_server(("127.0.0.2", 0), backlog=64) as listener:
        yield f"http://127.0.0.2:{listener.getsockname()[1]}/picture.png"


def test_urls_that_hang_hold_up_neither_pictures_nor_other_urls_of_the_same_peer(
    start_server: Callable[..., Running], picture_server: str, hanging_url: str
) -> None:
    limits = {"max_batch": 1, "max_calls": 8, "max_queue": 16, "max_items": 8, "fetch_workers": 4}
    server = start_server(**limits, fetch_allow=("127.0.0.0/8",), request_timeout_s=20.0)
    hanging = rpc_pb2.ExecuteRequest(urls=[hanging_url])
    done: queue.SimpleQueue[grpc.Future[rpc_pb2.ExecuteReply]] = queue.SimpleQueue()
    with ExitStack() as stack:
        for _ in range(4):
            call = server.stub.Execute.future(hanging)
            call.add_done_callback(done.put)
            stack.callback(call.cancel)
        error = done.get(timeout=10).exception()
        for request in (
            rpc_pb2.ExecuteRequest(images=[make_image((1, 2, 3))]),
            rpc_pb2.ExecuteRequest(urls=[f"{picture_server}/4-5-6.png"]),
        ):
            assert server.stub.Execute(request, timeout=5).nums == 1
        assert done.empty()
    assert isinstance(error, grpc.RpcError)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == "3 calls with URLs are being served, nearly all of one remote host"

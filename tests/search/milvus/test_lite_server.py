import tempfile
import threading
from contextlib import closing

import grpc
import pytest

from visop.search.milvus.lite_server import LiteServer
from visop.search.milvus.store import MilvusStore


@pytest.fixture
def server(tmp_path):
    """One that listens at a port, because there is no place for the record of its socket."""
    (tmp_path / "a.db" / "socket.json.part").mkdir(parents=True)
    with closing(LiteServer(tmp_path / "a.db")) as server:
        yield server


@pytest.mark.slow
def test_a_connection_that_is_idle_and_asks_whether_the_server_is_there_is_kept(server):
    """As pymilvus does every 10 s: gRPC's default is to end it after the third time. It asks once a second at most."""
    options = [
        ("grpc.keepalive_time_ms", 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    is_lost = threading.Event()

    def note(state):
        if state is not grpc.ChannelConnectivity.READY:
            is_lost.set()

    with grpc.insecure_channel(server.address.removeprefix("http://"), options) as channel:
        grpc.channel_ready_future(channel).result(10)
        channel.subscribe(note)
        assert not is_lost.wait(4)


def test_where_there_is_no_place_for_a_socket_the_file_is_used_by_this_process_alone(server, tmp_path, caplog):
    assert server.address.startswith("http://127.0.0.1:")
    assert "cannot be shared with other processes" in caplog.get_records("setup")[0].getMessage()
    server.close()
    with MilvusStore(str(tmp_path / "a.db")) as store:
        assert store.indexes() == []


def test_a_folder_for_sockets_whose_name_has_a_space_is_one(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory("a b%20c", dir="/tmp") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        with MilvusStore(str(tmp_path / "a.db")) as store, MilvusStore(str(tmp_path / "a.db")) as other:
            assert store.indexes() == other.indexes() == []

"""TLS for gRPC and for HTTP: right, wrong, missing, and renewed while the server runs."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import trustme

from tests.certificates import authority, pair
from tests.conftest import Running, make_base64
from tests.http.conftest import both_protocols
from visop.errors import SettingsError
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.certificates import Certificates
from visop.settings import Settings

REQUEST = rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3))])


@pytest.fixture
def secure(tmp_path: Path) -> Any:
    """Settings of a server with a certificate, and the authority that gave it."""
    files = pair(tmp_path / "server")
    return {"tls_cert": str(files.cert), "tls_key": str(files.key)}, authority(tmp_path)


def execute(server: Running, credentials: grpc.ChannelCredentials) -> rpc_pb2.ExecuteReply:
    options = [("grpc.use_local_subchannel_pool", 1)]  # no connection of a test before
    with grpc.secure_channel(server.address, credentials, options) as channel:
        return rpc_pb2_grpc.OperatorStub(channel).Execute(REQUEST, timeout=10)


def get(server: Running, context: ssl.SSLContext) -> httpx.Response:
    return httpx.get(f"https://{server.server.companion_addresses['http']}/v1/identity", verify=context)


def serial(server: Running, port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_grpc_and_http_are_over_tls(secure: Any) -> None:
    settings, ca = secure
    with both_protocols(**settings) as (server, _):
        assert execute(server, grpc.ssl_channel_credentials(ca.read_bytes())).nums == 1
        assert get(server, ssl.create_default_context(cafile=ca)).status_code == 200


def test_who_knows_no_tls_gets_nothing(secure: Any) -> None:
    with both_protocols(**secure[0]) as (server, web):
        with pytest.raises(grpc.RpcError) as caught:
            server.stub.Execute(REQUEST, timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(httpx.TransportError):
            web.get("/v1/identity")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # which say what is tested
def test_an_older_tls_than_1_2_is_refused(secure: Any) -> None:
    settings, ca = secure
    with both_protocols(**settings) as (server, _):
        for address in (server.address, server.server.companion_addresses["http"]):
            host, _, port = address.rpartition(":")
            context = ssl.create_default_context(cafile=ca)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            with socket.create_connection((host, int(port))) as connection, pytest.raises(OSError, match=r"SSL|reset"):
                context.wrap_socket(connection, server_hostname="localhost")


def test_a_client_has_to_show_a_certificate_of_the_authority(secure: Any, tmp_path: Path) -> None:
    settings, ca = secure
    known, stranger = pair(tmp_path / "known"), pair(tmp_path / "stranger", made=trustme.CA())
    with both_protocols(**settings, tls_client_ca=str(ca)) as (server, _):
        root = ca.read_bytes()
        right = grpc.ssl_channel_credentials(root, known.key.read_bytes(), known.cert.read_bytes())
        assert execute(server, right).nums == 1
        wrong = grpc.ssl_channel_credentials(root, stranger.key.read_bytes(), stranger.cert.read_bytes())
        for credentials in (grpc.ssl_channel_credentials(root), wrong):
            with pytest.raises(grpc.RpcError) as caught:
                execute(server, credentials)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        context = ssl.create_default_context(cafile=ca)
        with pytest.raises(httpx.TransportError):
            get(server, context)
        context.load_cert_chain(known.cert, known.key)
        assert get(server, context).status_code == 200


def test_a_renewed_certificate_is_shown_to_the_next_that_connect(secure: Any, tmp_path: Path) -> None:
    settings, ca = secure
    with both_protocols(**settings) as (server, _):
        http_port = int(server.server.companion_addresses["http"].rpartition(":")[2])
        ports = (server.server.port, http_port)
        before = [serial(server, port) for port in ports]
        assert before == [serial(server, port) for port in ports]
        credentials = grpc.ssl_channel_credentials(ca.read_bytes())
        with grpc.secure_channel(server.address, credentials) as channel:
            stub = rpc_pb2_grpc.OperatorStub(channel)
            assert stub.Execute(REQUEST).nums == 1
            pair(tmp_path / "server")
            assert stub.Execute(REQUEST).nums == 1  # on the connection that it has
        after = [serial(server, port) for port in ports]
        assert after[0] == after[1]
        assert not set(before) & set(after)
        assert execute(server, credentials).nums == 1


def test_the_last_pair_is_kept_while_the_files_do_not_belong_together(
    secure: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, _ = secure
    other = pair(tmp_path / "other")
    with both_protocols(**settings) as (server, _), caplog.at_level(logging.ERROR, "visop.serving.certificates"):
        before = serial(server, server.server.port)
        Path(settings["tls_key"]).write_bytes(other.key.read_bytes())
        assert serial(server, server.server.port) == before
        assert serial(server, server.server.port) == before
        Path(settings["tls_cert"]).write_bytes(other.cert.read_bytes())
        assert serial(server, server.server.port) == other.cert.read_text().split("-----END")[0] + (
            "-----END CERTIFICATE-----\n"
        )
    assert "the last one is kept: key values mismatch" in caplog.text


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda cert, key: cert.unlink(), "No such file"),
        (lambda cert, key: key.write_text("no key"), "PEM|no start line|not"),
        (lambda cert, key: key.write_bytes(cert.read_bytes()), ""),
    ],
    ids=["no file", "no key", "a certificate for a key"],
)
def test_a_start_with_a_wrong_pair_names_the_setting(
    tmp_path: Path, break_it: Callable[[Path, Path], object], why: str
) -> None:
    files = pair(tmp_path / "server")
    break_it(files.cert, files.key)
    with pytest.raises(SettingsError, match=f"OP_TLS_CERT.*cannot be used: .*(?:{why})"):
        Certificates(files.cert, files.key)


@pytest.mark.parametrize("given", [{"tls_cert": "a"}, {"tls_key": "a"}, {"tls_client_ca": "a"}])
def test_half_of_what_is_needed_is_refused(given: Any) -> None:
    with pytest.raises(SettingsError, match="needs OP_TLS_"):
        Settings(**given)

"""Tokens over gRPC and HTTP: right, missing, wrong, expired, of another scope, renewed while calls run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import Running, make_base64, make_image, run_command
from tests.http.conftest import both_protocols
from visop.access.reach import check_reach
from visop.access.scopes import Scope, scope_of_request
from visop.access.tokens import Tokens, new_token, read_tokens
from visop.client import Client
from visop.errors import NotAllowed, NotAuthenticated, SettingsError, UsageError
from visop.rpc import rpc_pb2
from visop.settings import Settings

Both = tuple[Running, httpx.Client]

REQUEST = rpc_pb2.ExecuteRequest(datas=[make_base64((1, 2, 3))])


def add(file: Path, name: str, *scopes: Scope, expires: datetime | None = None) -> str:
    """Make a token, and add its line."""
    secret, token = new_token(name, frozenset(scopes), expires)
    with file.open("a") as lines:
        lines.write(f"{token.line()}\n")
    return secret


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    file = tmp_path_factory.mktemp("tokens") / "tokens.txt"
    past = datetime.now(UTC) - timedelta(seconds=1)
    return {
        "file": str(file),
        "encode": add(file, "engine", Scope.ENCODE),
        "search": add(file, "page", Scope.SEARCH),
        "admin": add(file, "me", Scope.ADMIN),
        "expired": add(file, "old", Scope.ENCODE, expires=past),
    }


@pytest.fixture(scope="module")
def guarded(tokens: dict[str, str]) -> Iterator[Both]:
    with both_protocols(tokens_file=tokens["file"]) as both:
        yield both


def call(server: Running, token: str | None) -> grpc.StatusCode:
    metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
    try:
        server.stub.Execute(REQUEST, metadata=metadata)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def post(web: httpx.Client, header: str | None) -> httpx.Response:
    headers = {"Authorization": header} if header is not None else {}
    return web.post("/v1/execute", json={"datas": [make_base64((1, 2, 3))]}, headers=headers)


@pytest.mark.parametrize("name", ["encode", "admin"])
def test_the_right_token_is_let_in(guarded: Both, tokens: dict[str, str], name: str) -> None:
    assert call(guarded[0], tokens[name]) is grpc.StatusCode.OK
    assert post(guarded[1], f"Bearer {tokens[name]}").status_code == 200


@pytest.mark.parametrize("token", [None, "wrong", "visop_" + "x" * 43, "x" * 7_000, "expired"])
def test_others_are_not(guarded: Both, tokens: dict[str, str], token: str | None) -> None:
    token = tokens["expired"] if token == "expired" else token
    assert call(guarded[0], token) is grpc.StatusCode.UNAUTHENTICATED
    answer = post(guarded[1], None if token is None else f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_of_another_scope_is_known_and_not_enough(guarded: Both, tokens: dict[str, str]) -> None:
    assert call(guarded[0], tokens["search"]) is grpc.StatusCode.PERMISSION_DENIED
    answer = post(guarded[1], f"Bearer {tokens['search']}")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "the token does not allow this: it needs the scope encode",
    )


@pytest.mark.parametrize(
    "header", ["Bearer", "Basic", "Basic !!!", "Basic eDp3cm9uZw==", "Digest abc", "Bearer a b", "é"]
)
def test_other_headers_let_nobody_in(guarded: Both, header: str) -> None:
    answer = guarded[1].post("/v1/execute", json={}, headers=[(b"authorization", header.encode("latin-1"))])
    assert answer.status_code == 401


def test_a_browser_sends_the_token_as_the_password(guarded: Both, tokens: dict[str, str]) -> None:
    answer = guarded[1].get("/v1/identity", auth=("anybody", tokens["search"]))
    assert answer.status_code == 200
    assert "Basic" in guarded[1].get("/v1/identity").headers["www-authenticate"]


def test_probes_need_no_token(guarded: Both) -> None:
    server, web = guarded
    assert health_pb2_grpc.HealthStub(server.channel).Check(health_pb2.HealthCheckRequest()).status == 1
    assert server.stub.Healthy(rpc_pb2.HealthyRequest()).healthy == "healthy"
    assert web.get("/healthz").status_code == 200
    assert web.get("/readyz").status_code == 200


def test_what_tells_of_the_server_needs_some_token(guarded: Both, tokens: dict[str, str]) -> None:
    server, web = guarded
    with pytest.raises(grpc.RpcError) as caught:
        server.stub.Identity(rpc_pb2.IdentityRequest())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    for path in ("/v1/identity", "/metrics", "/openapi.json", "/docs"):
        assert web.get(path).status_code == 401, path
        assert web.get(path, headers={"Authorization": f"Bearer {tokens['search']}"}).status_code == 200, path


def test_a_token_is_renewed_while_the_server_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens.txt"
    first = add(file, "engine", Scope.ENCODE)
    with both_protocols(tokens_file=str(file)) as (server, _):
        assert call(server, first) is grpc.StatusCode.OK
        second = add(file, "engine", Scope.ENCODE)
        assert call(server, second) is grpc.StatusCode.OK
        assert call(server, first) is grpc.StatusCode.OK
        file.write_text(file.read_text().splitlines()[1])
        assert call(server, first) is grpc.StatusCode.UNAUTHENTICATED
        with caplog.at_level(logging.ERROR, "visop.access.tokens"):
            file.write_text("half a li")
            assert call(server, second) is grpc.StatusCode.OK
        assert "the last ones are kept: line 1" in caplog.text
        assert second not in caplog.text


def test_a_client_takes_its_token_from_a_file_and_follows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, own = tmp_path / "tokens.txt", tmp_path / "token"
    own.write_text(add(file, "engine", Scope.ENCODE) + "\n")
    with both_protocols(tokens_file=str(file)) as (server, _):
        with Client(server.address) as client, pytest.raises(NotAuthenticated, match="a token is needed"):
            client.encode(images=[make_image()])
        monkeypatch.setenv("VISOP_TOKEN_FILE", str(own))
        with Client(server.address) as client:
            assert len(client.encode(images=[make_image()])) == 1
            assert len(list(client.encode_stream([make_image()] * 3))) == 3
            file.write_text("")
            own.write_text(add(file, "engine", Scope.ENCODE))
            assert len(client.encode(images=[make_image()])) == 1
            own.write_text(add(file, "other", Scope.SEARCH))
            with pytest.raises(NotAllowed, match="needs the scope encode"):
                client.encode(images=[make_image()])


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/v1/execute", "encode"),
        ("POST", "/embed", "encode"),
        ("GET", "/function/ssd", "encode"),
        ("POST", "/v1/search", "search"),
        ("POST", "/v1/indexes/a/search", "search"),
        ("POST", "/v1/application/a/search", "search"),
        ("POST", "/v1/application/a/search/", "search"),
        ("DELETE", "/v1/indexes/search", "write"),
        ("DELETE", "/v1/indexes/a/pictures/search", "write"),
        ("PATCH", "/v1/indexes/a/search", "write"),
        ("POST", "/v1/application/search", "write"),
        ("POST", "/v1/pipeline/search", "write"),
        ("POST", "/v1/operator/a/instances/search", "write"),
        ("GET", "/", "search"),
        ("GET", "/v1/indexes", "search"),
        ("POST", "/v1/indexes", "write"),
        ("DELETE", "/v1/indexes/a/pictures/b", "write"),
        ("PATCH", "/anything", "write"),
        ("GET", "/v1/identity", None),
    ],
)
def test_what_a_request_needs(method: str, path: str, needed: str | None) -> None:
    assert scope_of_request(method, path) == needed


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("alice encode", "line 1: must be NAME"),
        ("alice encode abc", "line 1: must be NAME"),
        (f"alice fly {'0' * 64}", "line 1: the scopes are"),
        (f"alice encode {'0' * 64} soon", "and a time is like"),
        (f"al/ice encode {'0' * 64}", "line 1: must be NAME"),
        (f"# nothing\n\nalice encode {'0' * 64} 2027-01-01 more", "line 3: must be NAME"),
    ],
)
def test_a_line_that_is_wrong_is_named_by_its_number(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_tokens(line)


def test_tokens_may_be_in_the_environment() -> None:
    secret, token = new_token("engine", frozenset({Scope.ENCODE}))
    found = Tokens.of(Settings(tokens=f"{token.line()};{new_token('b', frozenset({Scope.WRITE}))[1].line()}"))
    assert found is not None
    assert found.check(secret, Scope.ENCODE).name == "engine"
    with pytest.raises(SettingsError, match=r"OP_TOKENS=\.\.\.: line 1"):
        Tokens(None, secret)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OP_TOKENS_FILE"):
        Tokens(tmp_path / "none.txt")


OTHER_MACHINES: list[dict[str, Any]] = [{"bind": "0.0.0.0"}, {"http_endpoint": "0.0.0.0:8080"}, {"bind": "[::]:1"}]


@pytest.mark.parametrize("given", OTHER_MACHINES)
def test_nothing_is_open_to_other_machines_by_accident(given: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError, match=r"OP_TOKENS_FILE.*OP_OPEN=on"):
        check_reach(Settings(**given))
    check_reach(Settings(**given, tokens_file="tokens.txt"))
    check_reach(Settings(**given, tls_cert="a", tls_key="b", tls_client_ca="c"))
    assert not caplog.text
    check_reach(Settings(**given, open=True))
    assert "open to every machine" in caplog.text


def test_the_command_prints_a_token_and_keeps_its_line(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "tokens.txt"
    file.write_text("# mine")
    assert run_command("token", "alice", "--scope", "search,write", "--days", 90, "--add", file) == 0
    secret = capsys.readouterr().out.strip()
    token = Tokens(file).check(secret, Scope.WRITE)
    assert (token.name, sorted(token.scopes)) == ("alice", [Scope.SEARCH, Scope.WRITE])
    assert token.expires is not None
    assert secret not in file.read_text()
    with pytest.raises(NotAuthenticated, match="expired"):
        Tokens(file, now=lambda: datetime.now(UTC) + timedelta(days=91)).check(secret, None)


@pytest.mark.parametrize("words", [["alice", "--scope", "fly"], ["al ice", "--scope", "encode"]])
def test_the_command_refuses_what_it_could_not_read(words: list[str]) -> None:
    with pytest.raises(UsageError, match="must be"):
        run_command("token", *words)

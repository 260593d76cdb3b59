from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import Running, make_base64, make_image
from tests.http.conftest import raw, read_all, read_answer
from tests.toys import ToyOperator
from visop.rpc import rpc_pb2

Both = tuple[Running, httpx.Client]

ROOT = Path(__file__).parents[2]


def held_call(pool: ThreadPoolExecutor, operator: ToyOperator, web: httpx.Client) -> Callable[[], httpx.Response]:
    """A call that the model holds until the gate opens."""
    operator.gate.clear()
    call = pool.submit(web.post, "/v1/execute", json={"datas": [make_base64()]})
    assert operator.entered.acquire(timeout=10)
    return lambda: call.result(20)


def test_health_answers_while_every_call_is_held(start_both: Callable[..., Both]) -> None:
    operator = ToyOperator()
    _, web = start_both(operator, max_calls=1, max_batch=1)
    with ThreadPoolExecutor() as pool:
        held = held_call(pool, operator, web)
        assert web.get("/healthz").json() == {"status": "alive"}
        assert web.get("/readyz").json() == {"status": "ready"}
        operator.gate.set()
        assert held().status_code == 200


def test_a_client_that_leaves_takes_its_work_out_of_the_queue(
    start_both: Callable[..., Both], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = ToyOperator()
    server, web = start_both(operator)
    cancelled = threading.Event()
    cancel = server.pipeline.start

    def start(*args: object, **kwargs: object) -> object:
        call = cancel(*args, **kwargs)  # type: ignore[arg-type]
        call.jobs[0].future.add_done_callback(lambda future: cancelled.set() if future.cancelled() else None)
        return call

    with ThreadPoolExecutor() as pool:
        held = held_call(pool, operator, web)
        monkeypatch.setattr(server.pipeline, "start", start)
        with pytest.raises(httpx.ReadTimeout):
            web.post("/v1/execute", json={"datas": [make_base64()]}, timeout=0.2)
        assert cancelled.wait(10)
        operator.gate.set()
        assert held().status_code == 200
    assert operator.batches == [1]  # the second never reached the model


def test_a_model_that_is_broken_is_not_ready(start_both: Callable[..., Both]) -> None:
    operator = ToyOperator()
    server, web = start_both(operator)
    operator.dead = True
    assert web.post("/embed", json={"inputs": make_base64()}).status_code == 500
    answer = web.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    told = server.stub.Healthy(rpc_pb2.HealthyRequest()).healthy
    assert answer.json()["detail"] == told.replace("unhealthy", "not ready")
    assert web.get("/healthz").status_code == 200


def test_draining_finishes_what_is_in_hand_and_closes_every_connection(start_both: Callable[..., Both]) -> None:
    operator = ToyOperator()
    server, web = start_both(operator)
    body = json.dumps({"datas": [make_base64()]}).encode()
    with ThreadPoolExecutor() as pool, raw(server) as idle, raw(server) as sending:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert "connection" not in read_answer(idle).headers
        held = held_call(pool, operator, web)
        head = f"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        sending.sendall(head.encode() + b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
        assert sending.recv(100).startswith(b"HTTP/1.1 100")  # it is being received
        stopped = pool.submit(server.server.stop)
        assert read_all(idle) == b""  # the connection that was kept alive is closed
        with pytest.raises(httpx.ConnectError):
            httpx.get(web.base_url)
        operator.gate.set()
        assert (held().json()["nums"], held().headers["connection"]) == ("1", "close")
        assert not stopped.done()
        sending.sendall(body)
        answer = read_answer(sending)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        stopped.result(20)


def test_who_calls_while_a_server_stops_gets_an_answer_or_no_connection(start_both: Callable[..., Both]) -> None:
    server, web = start_both()
    statuses: list[int] = []

    def call_until_the_end() -> None:
        with httpx.Client(base_url=web.base_url, timeout=20) as client:
            while True:
                statuses.append(client.post("/embed", json={"inputs": make_base64()}).status_code)

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(call_until_the_end) for _ in range(4)]
        while len(statuses) < 20:
            pass
        server.server.stop()
        for caller in callers:
            assert isinstance(caller.exception(20), httpx.NetworkError | httpx.RemoteProtocolError)
    assert set(statuses) == {200}


def test_both_protocols_count_against_one_limit(start_both: Callable[..., Both]) -> None:
    operator = ToyOperator()
    server, web = start_both(operator, max_calls=1, max_batch=1)
    operator.gate.clear()
    call = server.stub.Execute.future(rpc_pb2.ExecuteRequest(images=[make_image()]))
    assert operator.entered.acquire(timeout=10)
    said = web.post("/v1/execute", json={}).json()["detail"]
    assert said == "1 calls are being served, which is the limit (OP_MAX_CALLS)"
    operator.gate.set()
    assert call.result(10).nums == 1


def start_process(**variables: str) -> subprocess.Popen[str]:
    environment = os.environ | {"OP_OPERATOR": "tests.toys:ToyOperator", "OP_ENDPOINT": "127.0.0.1:0", **variables}
    return subprocess.Popen([sys.executable, "server.py"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def test_sigterm_stops_both_protocols_with_status_0() -> None:
    with start_process(OP_HTTP_ENDPOINT="127.0.0.1:0") as process:
        assert process.stderr
        found = next(found for line in process.stderr if (found := re.search(r"http=(\S+)", line)))
        with httpx.Client(base_url=f"http://{found[1]}") as web:
            assert web.post("/embed", json={"inputs": make_base64()}).status_code == 200
            process.send_signal(signal.SIGTERM)
            log = process.stderr.read()
        assert process.wait(20) == 0
    assert "draining" in log
    assert "Traceback" not in log


def test_a_model_that_hangs_does_not_keep_the_process_from_stopping() -> None:
    variables = {"OP_OPERATOR": "tests.serving.stuck:StuckOperator", "OP_DRAIN_TIMEOUT_S": "0.1"}
    with start_process(OP_HTTP_ENDPOINT="127.0.0.1:0", **variables) as process, ThreadPoolExecutor() as pool:
        assert process.stderr
        found = next(found for line in process.stderr if (found := re.search(r"http=(\S+)", line)))
        call = pool.submit(httpx.post, f"http://{found[1]}/embed", json={"inputs": make_base64()}, timeout=30)
        assert next(line for line in process.stderr if line == "stuck\n")
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(20) == 0
        assert isinstance(call.exception(20), httpx.HTTPError) or call.result().status_code >= 500


HANGING = """
import sys
from visop.serving.lifecycle import serve
from visop.settings import load_settings
from tests.serving.stuck import hanging_store
flags = {"operator": "tests.toys:ToyOperator", "endpoint": "127.0.0.1:0", "http_endpoint": "127.0.0.1:0"}
sys.exit(serve(load_settings({}, flags | {"drain_timeout_s": "0.1"}), hanging_store))
"""


def test_what_hangs_is_answered_in_time_and_does_not_keep_the_process_from_stopping() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", HANGING], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process,
        ThreadPoolExecutor() as pool,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)  # or a failure below would wait for it for ever
        assert process.stderr
        found = next(found for line in process.stderr if (found := re.search(r"http=(\S+)", line)))
        requests = ("GET", f"http://{found[1]}/look"), ("POST", f"http://{found[1]}/search")
        for method, url in requests:
            late = httpx.request(method, url, headers={"X-Request-Timeout": "1"}, timeout=20)
            assert (late.status_code, late.json()["code"]) == (504, "DEADLINE_EXCEEDED")
        calls = [pool.submit(httpx.request, method, url, timeout=20) for method, url in requests]
        stuck = (line for line in process.stderr if line == "stuck\n")
        assert len([next(stuck) for _ in range(4)]) == 4
        process.send_signal(signal.SIGTERM)
        for call in calls:
            answer = call.result(20)
            assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        log = process.stderr.read()
        assert process.wait(20) == 0
    assert re.search(r"stopped\n.*not waited for: visop-http-look_0, visop-http-look_1, visop-http_", log)
    assert "Traceback" not in log


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        with start_process(OP_HTTP_ENDPOINT=endpoint) as process:
            assert process.stderr
            log = process.stderr.read()
            assert process.wait(20) == 2
    assert f"OP_HTTP_ENDPOINT={endpoint}: cannot listen there: in use, or not allowed" in log.splitlines()[-1]


def test_a_missing_package_is_a_clear_error() -> None:
    code = """
import sys
sys.modules["fastapi"] = None
from visop.cli.main import main
sys.exit(main(["serve", "--class", "tests.toys:ToyOperator", "--endpoint", "127.0.0.1:0"]
    + ["--http-endpoint", "127.0.0.1:0"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 2
    said = "visop: --http-endpoint 127.0.0.1:0: fastapi is not installed; for HTTP: pip install 'visop[http]'\n"
    assert done.stderr.endswith(said)  # after a word on how few files it may open, where that is so


def test_a_server_without_http_imports_none_of_it() -> None:
    code = """
import sys
from tests.conftest import running
from visop.http import http_companions
from visop.settings import Settings
with running(companions=http_companions(Settings())) as server:
    assert server.server.companion_addresses == {}
print(*sorted(set(sys.modules) & {"fastapi", "uvicorn", "starlette", "pydantic", "orjson", "multipart"}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
